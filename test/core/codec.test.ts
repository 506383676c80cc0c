import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type CodecOptions,
  DEFAULT_CODEC,
  decodeResult,
  encodeResult,
  FORMAT,
  RESULT_BYTES_MAX,
} from "../../src/core/codec.js";
import { ResultNotStorableError } from "../../src/core/errors.js";
import { ExactDecimal } from "../../src/core/tagged.js";
import { anyResult, BigNumberLike, DecimalJsLike, describeValue } from "./support/values.js";

const OPERATION = { scope: "acme", operation: "o", keyHash: "00" };
const WITH_DECIMAL: CodecOptions = { ...DEFAULT_CODEC, decimal: (text) => new DecimalJsLike(text) };

function roundTrip(value: unknown, options: CodecOptions = DEFAULT_CODEC): unknown {
  return decodeResult(encodeResult(value, options, OPERATION), options);
}

function refusal(value: unknown, options: CodecOptions = DEFAULT_CODEC): ResultNotStorableError {
  try {
    encodeResult(value, options, OPERATION);
  } catch (error) {
    expect(error).toBeInstanceOf(ResultNotStorableError);
    return error as ResultNotStorableError;
  }
  throw new Error("nothing was refused");
}

describe("a stored result", () => {
  it("comes back as it was", () => {
    fc.assert(
      fc.property(anyResult, (value) => {
        expect(describeValue(roundTrip(value, WITH_DECIMAL))).toBe(describeValue(value));
      }),
      { numRuns: 3_000 },
    );
  });

  it("comes back the same however often it is stored again", () => {
    fc.assert(
      fc.property(anyResult, (value) => {
        const bytes = encodeResult(value, WITH_DECIMAL, OPERATION);
        const again = encodeResult(decodeResult(bytes, WITH_DECIMAL), WITH_DECIMAL, OPERATION);
        expect(again.equals(bytes)).toBe(true);
      }),
    );
  });

  it.each<[string, unknown]>([
    ["undefined", undefined],
    ["null", null],
    ["false", false],
    ["zero", 0],
    ["the empty string", ""],
    ["text that looks like a tag", '{"$date":"x"}'],
    ["text with NUL, quotes and emoji", 'a\0"\\\u2028😂'],
    ["the empty object", {}],
    ["the empty list", []],
    ["a Date", new Date("2026-11-22T06:41:37.001Z")],
    ["the last Date", new Date(8.64e15)],
    ["a large bigint", 2n ** 200n],
    ["a negative bigint", -1n],
    ["bytes", Uint8Array.of(0, 255, 128)],
    ["the smallest double", 5e-324],
    [
      "tags of the caller's own",
      { $date: "x", $bigint: "1", $bytes: "AQ==", $decimal: "1", $: 1, $$date: 2 },
    ],
    ["one tag of the caller's own", { $bigint: "not a number" }],
    ["lists of tags of the caller's own", [{ $date: "2020-01-01" }, { $$: [{ $: { $bytes: "!" } }] }]],
    ["everything nested", { a: [{ b: new Date(0), c: [1n, Uint8Array.of(1)] }], d: { e: { f: null } } }],
  ])("%s", (_, value) => {
    expect(roundTrip(value)).toStrictEqual(value);
  });

  it("keeps a key named __proto__ as a key", () => {
    const value: unknown = JSON.parse('{"__proto__":{"admin":true},"constructor":1}');
    const back = roundTrip(value);
    expect(Object.keys(back as object)).toEqual(["__proto__", "constructor"]);
    expect((back as { admin?: unknown }).admin).toBeUndefined();
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
  });

  it("gives minus zero back as zero, since JSON has no other", () => {
    expect(Object.is(roundTrip(-0), 0)).toBe(true);
    expect(Object.is(roundTrip([-0]), -0)).toBe(false);
  });

  it("leaves undefined properties out", () => {
    expect(Object.keys(roundTrip({ a: undefined, b: 1 }) as object)).toEqual(["b"]);
  });

  it("gives a Buffer back as a Uint8Array of its own memory", () => {
    const back = roundTrip(Buffer.from("hi"));
    expect(back).toStrictEqual(Uint8Array.of(104, 105));
    expect((back as Uint8Array).buffer.byteLength).toBe(2);
  });

  it("gives decimals back as ExactDecimal, digit by digit, or as the caller's class", () => {
    const text = "-123456789012345678901234567890.1200";
    for (const value of [new ExactDecimal(text), new DecimalJsLike(text), new BigNumberLike(text)]) {
      expect(String(roundTrip(value))).toBe(text);
      expect(roundTrip(value)).toBeInstanceOf(ExactDecimal);
      expect(roundTrip({ value }, WITH_DECIMAL)).toEqual({ value: new DecimalJsLike(text) });
    }
  });

  it("starts with its format", () => {
    expect(encodeResult({ a: 1n }, DEFAULT_CODEC, OPERATION).toString("latin1")).toBe(
      '\u0001{"a":{"$bigint":"1"}}',
    );
    expect([...encodeResult(undefined, DEFAULT_CODEC, OPERATION)]).toEqual([FORMAT.value]);
    expect(encodeResult(null, DEFAULT_CODEC, OPERATION).toString("latin1")).toBe("\u0001null");
  });

  it("is read from any part of a larger buffer", () => {
    const padded = Buffer.concat([Buffer.from("xx"), encodeResult({ a: 1 }, DEFAULT_CODEC, OPERATION)]);
    expect(decodeResult(padded.subarray(2), DEFAULT_CODEC)).toEqual({ a: 1 });
    expect(decodeResult(new Uint8Array(padded).subarray(2), DEFAULT_CODEC)).toEqual({ a: 1 });
  });

  it("of a bound write is its row as plain JSON, tags and all", () => {
    const bytes = Buffer.concat([Buffer.of(FORMAT.row), Buffer.from('u{"id":7,"$date":"x"}')]);
    expect(decodeResult(bytes, DEFAULT_CODEC)).toEqual({ id: 7, $date: "x" });
  });

  it.each([0x00, 0x03, 0x7b, 0xff])("of the unknown format %i is refused, not guessed at", (format) => {
    expect(() => decodeResult(Buffer.of(format, 0x7b, 0x7d), DEFAULT_CODEC)).toThrow(RangeError);
    expect(() => decodeResult(Buffer.of(format), DEFAULT_CODEC)).toThrow(`format ${format}`);
  });

  it("of no bytes at all is refused", () => {
    expect(() => decodeResult(new Uint8Array(), DEFAULT_CODEC)).toThrow(RangeError);
  });
});

describe("a result that cannot be stored", () => {
  it.each<[string, unknown, string]>([
    ["a Map", { a: new Map() }, "a Map at $.a"],
    ["a Set", [new Set()], "a Set at $[0]"],
    ["NaN", { a: [Number.NaN] }, "the number NaN at $.a[0]"],
    ["a function", { f: (): void => {} }, "a function at $.f"],
    ["undefined in a list", [undefined], "undefined at $[0]"],
    ["an Error", { error: new Error("x") }, "a Error at $.error"],
    ["a lone surrogate", "\udfff", "a string with a lone surrogate at $"],
    ["a symbol", Symbol("s"), "a symbol at $"],
  ])("%s", (_, value, what) => {
    const error = refusal(value);
    expect(error.message).toContain(`it holds ${what}`);
    expect(error).toMatchObject({
      code: "OPLEDGER_RESULT_NOT_STORABLE",
      retryable: false,
      operation: OPERATION,
    });
  });

  it(`one of more than ${RESULT_BYTES_MAX} bytes`, () => {
    const most = "x".repeat(RESULT_BYTES_MAX - 3);
    expect(encodeResult(most, DEFAULT_CODEC, OPERATION).length).toBe(RESULT_BYTES_MAX);
    expect(roundTrip(most)).toBe(most);
    expect(refusal(`${most}x`).message).toContain(`takes ${RESULT_BYTES_MAX + 1} bytes`);
    expect(refusal("€".repeat(RESULT_BYTES_MAX / 3)).message).toContain("bytes");
  });

  it("shows nothing of itself in the error", () => {
    const error = refusal({ card: "4242424242424242", f: (): void => {} });
    expect(`${error.stack}${JSON.stringify(error)}`).not.toContain("4242");
  });
});

describe("redact", () => {
  const options: CodecOptions = { ...DEFAULT_CODEC, redact: new Set(["pin", "$pin", "__proto__"]) };

  it("stores null in the place of a property, at any depth", () => {
    const value = { pin: "1", list: [{ pin: { deep: "1" }, a: 1 }], nested: { more: { pin: [1], b: 2 } } };
    expect(roundTrip(value, options)).toEqual({
      pin: null,
      list: [{ pin: null, a: 1 }],
      nested: { more: { pin: null, b: 2 } },
    });
  });

  it("finds keys that start with $", () => {
    expect(roundTrip({ $pin: "1", $$pin: "kept", a: [{ $pin: 2n }] }, options)).toEqual({
      $pin: null,
      $$pin: "kept",
      a: [{ $pin: null }],
    });
  });

  it("finds a key named __proto__", () => {
    const back = roundTrip(JSON.parse('{"__proto__":{"secret":1}}'), options) as object;
    expect(Object.entries(back)).toEqual([["__proto__", null]]);
  });

  it("leaves no trace of the value in the bytes", () => {
    fc.assert(
      fc.property(anyResult, (rest) => {
        const value = { rest, pin: "SECRET-4242", more: [{ pin: ["SECRET-4242"] }] };
        expect(encodeResult(value, options, OPERATION).toString()).not.toContain("SECRET");
      }),
    );
  });

  it("touches values of other names, and whole values, not at all", () => {
    const value = { a: new Date(0), b: 1n, c: "pin", d: ["pin"], pine: 1 };
    expect(roundTrip(value, options)).toStrictEqual(value);
    expect(roundTrip("pin", options)).toBe("pin");
  });
});

it("ExactDecimal takes plain decimal numbers only", () => {
  for (const text of ["0", "-1", "12.50", "00.1"]) expect(new ExactDecimal(text).toJSON()).toBe(text);
  for (const text of ["", "1e3", ".5", "1.", "+1", " 1", "NaN", "1\n", "0x1", "1_0"]) {
    expect(() => new ExactDecimal(text)).toThrow(TypeError);
  }
});
