import canonicalize from "canonicalize";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainForm } from "../../src/core/plain-form.js";
import { toTagged } from "../../src/core/tagged.js";
import { canonicalForm } from "../../src/index.js";
import { anyPayload, DecimalJsLike } from "./support/values.js";

/** The general encoder's form, which the short way must never differ from. */
function generalForm(value: unknown): string | undefined {
  return canonicalize(toTagged(value, { collections: true, charactersMax: 1_000_000 }));
}

const withSymbol = { [Symbol("hidden")]: 1 };
const tagged = { [Symbol.toStringTag]: "Money" };
const shared = Array.from({ length: 100 }, () => "shared");

describe("the short way to a payload's form", () => {
  it("gives the general encoder's text, or leaves the value to it", () => {
    let taken = 0;
    fc.assert(
      fc.property(anyPayload, (value) => {
        const form = plainForm(value);
        if (form === undefined) return;
        taken += 1;
        expect(form).toBe(generalForm(value));
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  it.each([
    ["a bound write's arguments", { by: { balance: 1n }, where: { id: 7 }, returning: undefined }],
    ["names that start with $", { $b: 1, a: 2, $: 3, $$: 4, "": 5, $date: "x", "%": 6, "#": 7 }],
    ["control characters and quotes", { '"\\\n\u0000\u007f\u2028': "\t😂" }],
    ["a name that is __proto__", JSON.parse('{"__proto__":1,"a":[]}')],
    ["numbers", [0, -0, 1e21, 1e-7, 5e-324, 0.1]],
    ["dates and bytes", { at: new Date(0), bytes: Uint8Array.of(1, 2), none: new Uint8Array() }],
    ["a Date with a method of its own", Object.assign(new Date(0), { toJSON: () => "mine" })],
    ["an object without a prototype", Object.assign(Object.create(null), { a: [null, true, {}] })],
  ])("takes %s", (_what, value) => {
    expect(plainForm(value)).toBe(generalForm(value));
  });

  it.each([
    ["a Map", new Map()],
    ["a decimal", new DecimalJsLike("1")],
    ["a toJSON of its own", { toJSON: () => 1 }],
    [
      "a class",
      new (class Money {
        cents = 1;
      })(),
    ],
    ["a property with a symbol for a key", withSymbol],
    ["another kind of object by its tag", tagged],
    ["a hole in a list", Object.assign([], { 0: 1, 2: 3 })],
    ["a list with a property", Object.assign([1], { extra: 1 })],
    ["an invalid Date", new Date(Number.NaN)],
    ["NaN", { n: Number.NaN }],
    ["a lone surrogate", { text: "\ud800" }],
    ["a lone surrogate in a name", { "\udc00": 1 }],
    ["undefined in a list", [undefined]],
    ["a function", { f: () => 1 }],
    ["many values", Array.from({ length: 200 }, () => shared)],
    ["a long text", "x".repeat(20_000)],
  ])("leaves %s to the general encoder", (_what, value) => {
    expect(plainForm(value)).toBeUndefined();
  });

  it("leaves what goes round in circles to the general encoder, which refuses it", () => {
    const circle: Record<string, unknown> = {};
    circle.again = circle;
    expect(plainForm(circle)).toBeUndefined();
    expect(() => canonicalForm(circle)).toThrow(/circular/);
  });
});
