import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { InvalidOperationError } from "../../src/core/errors.js";
import { fingerprint, PAYLOAD_BYTES_MAX } from "../../src/core/fingerprint.js";
import { DEPTH_MAX } from "../../src/core/tagged.js";

class Secret {
  readonly #value = 1;
  read(): number {
    return this.#value;
  }
}

function nestedLists(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

function cycle(): object {
  const list: unknown[] = [];
  list.push({ back: list });
  return list;
}

function holes(): unknown[] {
  const list: unknown[] = [1, 2, 3];
  delete list[1];
  return list;
}

function refusal(payload: unknown): InvalidOperationError {
  try {
    fingerprint(payload);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOperationError);
    return error as InvalidOperationError;
  }
  throw new Error("nothing was refused");
}

describe("a payload that has no fingerprint", () => {
  const symbolKey = { a: { [Symbol("s")]: 1, b: 1 } };
  it.each<[string, unknown, string]>([
    ["NaN", { a: [1, { b: Number.NaN }] }, "the number NaN at $.a[1].b"],
    ["Infinity", [Number.POSITIVE_INFINITY], "the number Infinity at $[0]"],
    ["-Infinity", { a: Number.NEGATIVE_INFINITY }, "the number -Infinity at $.a"],
    ["undefined in a list", { list: [1, undefined] }, "undefined at $.list[1]"],
    ["a hole in a list", holes(), "undefined at $[1]"],
    ["a list of holes", new Array(3), "undefined at $[0]"],
    ["undefined in a Set", new Set([undefined]), "undefined at $[0]"],
    ["a function", { a: { f: () => 1 } }, "a function at $.a.f"],
    ["a class", { Secret }, "a function at $.Secret"],
    ["a symbol", { a: Symbol("s") }, "a symbol at $.a"],
    ["a symbol as a key", symbolKey, "a property with a symbol for a key at $.a"],
    ["a cycle", { list: cycle() }, "a circular reference at $.list[0].back"],
    ["a RegExp", { a: /x/ }, "a RegExp at $.a"],
    ["an Error", { a: new TypeError("x") }, "a Error at $.a"],
    ["a Promise", { a: Promise.resolve(1) }, "a Promise at $.a"],
    ["a WeakMap", { a: new WeakMap() }, "a WeakMap at $.a"],
    ["a WeakSet", { a: new WeakSet() }, "a WeakSet at $.a"],
    ["a generator", { a: [1].values() }, "a Array Iterator at $.a"],
    ["a Number object", { a: Object(1) }, "a Number at $.a"],
    ["a String object", { a: Object("x") }, "a String at $.a"],
    ["a Boolean object", { a: Object(true) }, "a Boolean at $.a"],
    ["a BigInt object", { a: Object(1n) }, "a BigInt at $.a"],
    ["a Symbol object", { a: Object(Symbol("s")) }, "a Symbol at $.a"],
    ["an ArrayBuffer", { a: new ArrayBuffer(1) }, "a ArrayBuffer at $.a"],
    ["a DataView", { a: new DataView(new ArrayBuffer(1)) }, "a DataView at $.a"],
    ["a typed array of other elements", { a: new Float64Array(1) }, "a Float64Array at $.a"],
    ["a URLSearchParams", { a: new URLSearchParams("a=1") }, "a URLSearchParams at $.a"],
    ["an invalid Date", { at: new Date(Number.NaN) }, "an invalid Date at $.at"],
    ["a lone surrogate", { a: ["\ud800"] }, "a string with a lone surrogate at $.a[0]"],
    [
      "private state only",
      { a: new Secret() },
      "an instance of a class without enumerable properties or toJSON at $.a",
    ],
  ])("%s", (_, payload, what) => {
    const { message, code, retryable } = refusal(payload);
    expect(message).toContain(`it holds ${what}`);
    expect(message).toContain("Nothing was sent to the database");
    expect({ code, retryable }).toEqual({ code: "OPLEDGER_INVALID_OPERATION", retryable: false });
  });

  it("but how a value is to be printed is no part of it", () => {
    const printed = { b: 1, [inspect.custom]: () => "one" };
    expect(fingerprint({ a: printed })).toEqual(fingerprint({ a: { b: 1 } }));
  });

  it("a lone surrogate in a key", () => {
    expect(refusal({ a: { "\ud800": 1 } }).message).toContain("a key with a lone surrogate at $.a.");
    expect(refusal({ a: { "\udc00\ud800": 1 } }).message).toContain("a key with a lone surrogate");
  });

  it("a decimal that is no number", () => {
    const nan = { s: Number.NaN, e: Number.NaN, c: null, toFixed: () => "NaN" };
    expect(refusal({ price: nan }).message).toContain("the decimal NaN at $.price");
  });

  it("a Map that holds itself", () => {
    const map = new Map<string, unknown>();
    map.set("self", map);
    expect(refusal({ map }).message).toContain("a circular reference at $.map");
  });

  it("an object whose toJSON returns itself", () => {
    const self = { toJSON: (): unknown => self };
    expect(refusal({ self }).message).toContain("a circular reference at $.self");
  });

  it(`more than ${DEPTH_MAX} levels`, () => {
    expect(() => fingerprint(nestedLists(DEPTH_MAX))).not.toThrow();
    expect(refusal(nestedLists(DEPTH_MAX + 1)).message).toContain(`nested deeper than ${DEPTH_MAX} levels`);
    expect(refusal(nestedLists(20_000)).message).toContain(`nested deeper than ${DEPTH_MAX} levels`);
    expect(refusal(JSON.parse(`${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`)).message).toContain(
      "deeper",
    );
  });

  it("one that is too large, counted in bytes of its form", () => {
    const most = "x".repeat(PAYLOAD_BYTES_MAX - 2);
    expect(() => fingerprint(most)).not.toThrow();
    expect(refusal(`${most}x`).message).toContain(`larger than ${PAYLOAD_BYTES_MAX} bytes`);
    expect(refusal("€".repeat(PAYLOAD_BYTES_MAX / 3)).message).toContain("larger than");
    expect(refusal(new Uint8Array(PAYLOAD_BYTES_MAX)).message).toContain("larger than");
  });

  it("says which operation it was, and holds nothing of the payload", () => {
    const operation = { scope: "acme", operation: "o", keyHash: "00" };
    try {
      fingerprint({ card: "4242", f: () => 1 }, undefined, operation);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ operation });
      expect(JSON.stringify(error)).not.toContain("4242");
      expect(String(error)).not.toContain("4242");
    }
  });

  it("passes on what a getter or toJSON of the payload throws", () => {
    const own = new Error("mine");
    const payload = {
      get a(): number {
        throw own;
      },
    };
    expect(() => fingerprint(payload)).toThrow(own);
  });
});
