import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_CODEC, decodeResult, encodeResult } from "../../src/core/codec.js";
import { plainJson } from "../../src/core/plain-json.js";
import { fromTagged, type Json, toTagged } from "../../src/core/tagged.js";
import { anyResult, DecimalJsLike } from "./support/values.js";

const OPERATION = { scope: "s", operation: "o", keyHash: "00" };

/** The general encoder's text, which the short way must never differ from. */
function generalText(value: unknown): string {
  return JSON.stringify(toTagged(value, { collections: false, charactersMax: 1_000_000 }));
}

describe("the short way to a result's text", () => {
  it("gives the general encoder's text, or leaves the value to it", () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), anyResult), (value) => {
        const text = plainJson(value);
        if (text === undefined) return;
        taken += 1;
        expect(text).toBe(generalText(value));
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  it("gives back what the general decoder would", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), anyResult), (value) => {
        const bytes = encodeResult(value, DEFAULT_CODEC, OPERATION);
        if (bytes.length === 1) return;
        const form = JSON.parse(bytes.toString("utf8", 1)) as Json;
        expect(decodeResult(bytes, DEFAULT_CODEC)).toStrictEqual(fromTagged(form, DEFAULT_CODEC));
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ["a row", { id: 1, balance: "5", none: null, open: true, gone: undefined, nested: [{ a: -0 }] }],
    ["a name that is __proto__", JSON.parse('{"__proto__":{"a":1}}')],
    ["an object without a prototype", Object.assign(Object.create(null), { a: 1 })],
  ])("takes %s", (_what, value) => {
    expect(plainJson(value)).toBe(generalText(value));
  });

  it.each([
    ["a Date", { at: new Date(0) }],
    ["a bigint", [1n]],
    ["a decimal", new DecimalJsLike("1")],
    ["a key that starts with $", { $date: "x" }],
    ["a toJSON of its own", { toJSON: () => 1 }],
    ["a list with a toJSON", Object.assign([1], { toJSON: () => 1 })],
    ["a hole in a list", Object.assign([], { 0: 1, 2: 3 })],
    ["undefined in a list", [undefined]],
    ["NaN", Number.NaN],
    ["a lone surrogate", "\ud800"],
    ["a key with a lone surrogate", { "\ud800": 1 }],
    ["a symbol for a key", { [inspect.custom]: () => "x" }],
    ["a deep value", JSON.parse("[".repeat(20) + "]".repeat(20))],
    ["a large value", Array.from({ length: 1_000 }, () => 1)],
  ])("leaves %s to the general encoder", (_what, value) => {
    expect(plainJson(value)).toBeUndefined();
  });

  it("leaves a circle to the general encoder", () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(plainJson(circle)).toBeUndefined();
  });
});
