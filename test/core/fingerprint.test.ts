import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fingerprint } from "../../src/core/fingerprint.js";
import { anyPayload, DecimalJsLike, describeValue, reordered } from "./support/values.js";

const hex = (value: unknown): string => fingerprint(value).toString("hex");

describe("fingerprints", () => {
  it("are equal exactly where the values are", () => {
    fc.assert(
      fc.property(anyPayload, anyPayload, (a, b) => {
        expect(hex(a) === hex(b)).toBe(describeValue(a) === describeValue(b));
      }),
      { numRuns: 5_000 },
    );
  });

  it("do not depend on the order of keys, or of the members of a Map or Set", () => {
    fc.assert(
      fc.property(anyPayload, (value) => {
        expect(hex(reordered(value))).toBe(hex(value));
      }),
      { numRuns: 2_000 },
    );
  });

  it("depend on the order of a list", () => {
    expect(hex([1, 2])).not.toBe(hex([2, 1]));
  });

  it("differ between values that naive JSON merges", () => {
    const date = "1970-01-01T00:00:00.000Z";
    const values: unknown[] = [
      ...[1, "1", 1n, new DecimalJsLike("1"), true, [1], { 0: 1 }, new Set([1]), new Map([[0, 1]])],
      ...[null, "null", "", [], {}, new Set(), new Map(), new Uint8Array(), [null], [[]], 0, false],
      ...[new Date(0), date, { $date: date }, { $$date: date }, { $$$date: date }, { date }],
      ...[{ $bigint: "1" }, { $$bigint: "1" }, { $decimal: "1" }, { $set: [1] }, { $map: [[0, 1]] }],
      ...[Uint8Array.of(1), "AQ==", { $bytes: "AQ==" }, { type: "Buffer", data: [1] }],
      ...[new Map([["a", 1]]), { a: 1 }, [["a", 1]], new Set([["a", 1]]), new Map([["a", "1"]])],
      ...["é", "e\u0301", "K", "k", "a", "a ", "\u212a"],
      ...[JSON.parse('{"__proto__":1}'), JSON.parse('{"__proto__":2}'), { $__proto__: 1 }],
    ];
    const described = values.map(describeValue);
    expect(new Set(described).size).toBe(values.length);
    expect(new Set(values.map(hex)).size).toBe(values.length);
  });

  it("compare the keys of Maps by value, in whatever order their properties were named", () => {
    const a = new Map([
      [{ x: 1, y: new Set([1, 2]) }, "first"],
      [{ x: 2, y: new Set([3]) }, "second"],
    ]);
    const b = new Map([
      [{ y: new Set([3]), x: 2 }, "second"],
      [{ y: new Set([2, 1]), x: 1 }, "first"],
    ]);
    expect(hex({ nested: [a] })).toBe(hex({ nested: [b] }));
    expect(hex(new Set([a]))).toBe(hex(new Set([b])));
  });

  it("do not let a value move from a Map's key to its entry", () => {
    expect(hex(new Map([["a", "b"]]))).not.toBe(hex(new Map([["b", "a"]])));
  });
});

describe("the fingerprint of a bound write", () => {
  const write = { verb: "insert", table: "payments" };

  it("is the hash of its verb and table, then of the payload", () => {
    const form = '{"$write":["insert","payments"]}';
    const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
    expect(fingerprint({ a: 1 }, write).toString("hex")).toBe(sha256(`${form}{"a":1}`));
    expect(fingerprint(undefined, write).toString("hex")).toBe(sha256(form));
  });

  it("differs from that of every other verb, table and payload", () => {
    const all = [
      fingerprint({ a: 1 }),
      fingerprint({ a: 1 }, write),
      fingerprint({ a: 1 }, { ...write, verb: "upsert" }),
      fingerprint({ a: 1 }, { ...write, table: "refunds" }),
      fingerprint({ a: 1 }, { ...write, table: 'payments"]}{"a":1' }),
      fingerprint(undefined, write),
      fingerprint({ $write: ["insert", "payments"] }),
      fingerprint({ $write: ["insert", "payments"], a: 1 }),
      fingerprint('{"$write":["insert","payments"]}'),
    ];
    expect(new Set(all.map(String)).size).toBe(all.length);
  });
});
