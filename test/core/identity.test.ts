import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidOperationError } from "../../src/core/errors.js";
import {
  identify,
  isFresh,
  newKey,
  type OperationRef,
  RETENTION_MS_MAX,
  summarize,
} from "../../src/core/operation.js";

const DAY = 86_400_000;
const V7 = "0190163d-8694-739b-aea5-966c26f8ad91";
const ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/** SHA-256 over each part's length in 4 bytes, then the part: written here once more, apart from the library. */
function digest(...parts: string[]): string {
  const chunks = parts.flatMap((part) => {
    const bytes = Buffer.from(part, "utf8");
    const { length } = bytes;
    return [Buffer.of(length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255), bytes];
  });
  return createHash("sha256").update(Buffer.concat(chunks)).digest("hex");
}

function idOf(ref: OperationRef): string {
  return identify(ref, DAY).id.replaceAll("-", "");
}

describe("the id of an operation", () => {
  it.each([
    ["", "create_invoice", "key-1"],
    ["acme", "create_invoice", "key-1"],
    ["ÄÖ😂", "日本語", "e\u0301"],
    ["x".repeat(255), "y".repeat(255), "z".repeat(255)],
    ["x".repeat(127), "~ ~", "z".repeat(127)],
    ["x".repeat(128), "o", "k"],
    ["", "o", "z".repeat(128)],
    ["tab\t", "o", "del\u007f"],
  ])("is SHA-256 over the length-prefixed parts, cut to 128 bits (%s, %s, %s)", (scope, operation, key) => {
    expect(idOf({ ...(scope === "" ? {} : { scope }), operation, key })).toBe(
      digest(scope, operation, key).slice(0, 32),
    );
  });

  it("has golden values, since a changed id would run every operation again", () => {
    expect(identify({ operation: "create_invoice", key: "key-1" }, DAY).id).toBe(
      "7a60c19c-7bd2-12f7-e0d3-d1740a5bbc65",
    );
    expect(identify({ scope: "acme", operation: "top_up", key: V7 }, DAY).id).toBe(
      "0190163d-8694-e1c6-0018-e679480e5e35",
    );
  });

  it("starts with the time of a UUIDv7", () => {
    expect(idOf({ operation: "o", key: V7 })).toBe(`0190163d8694${digest("", "o", V7).slice(0, 20)}`);
  });

  it("starts with the time of a ULID", () => {
    const time = (1469922850259).toString(16).padStart(12, "0");
    expect(idOf({ operation: "o", key: ULID })).toBe(time + digest("", "o", ULID).slice(0, 20));
  });

  it.each([V7, ULID])(
    "is another for the upper-case and the lower-case spelling of %s, at the same time",
    (key) => {
      const lower = idOf({ operation: "o", key: key.toLowerCase() });
      const upper = idOf({ operation: "o", key: key.toUpperCase() });
      expect(lower.slice(0, 12)).toBe(upper.slice(0, 12));
      expect(lower).not.toBe(upper);
    },
  );

  it("starts with issuedAt where the key has no time", () => {
    const issuedAt = new Date("2026-11-22T00:00:00.123Z");
    const time = issuedAt.getTime().toString(16).padStart(12, "0");
    expect(idOf({ operation: "o", key: "order-7", issuedAt })).toBe(
      time + digest("", "o", "order-7").slice(0, 20),
    );
  });

  it.each([V7, ULID])(
    "takes the key's own time (%s) over issuedAt, which a retry may not know any more",
    (key) => {
      expect(idOf({ operation: "o", key, issuedAt: new Date(5) })).toBe(idOf({ operation: "o", key }));
    },
  );

  it.each([
    ["a UUIDv4", "9b2d7f63-5c2a-4f0e-9d68-0c7f3f1b6a11"],
    ["a UUIDv7 with another variant", "0190163d-8694-739b-cea5-966c26f8ad91"],
    ["a UUIDv7 without hyphens", V7.replaceAll("-", "")],
    ["a UUIDv7 in braces", `{${V7}}`],
    ["a UUIDv7 and a newline", `${V7}\n`],
    ["a ULID beyond 48 bits", `8${ULID.slice(1)}`],
    ["a ULID with a letter that Crockford left out", `${ULID.slice(0, 25)}U`],
    ["a ULID and a newline", `${ULID}\n`],
  ])("has no time prefix for %s", (_, key) => {
    expect(idOf({ operation: "o", key })).toBe(digest("", "o", key).slice(0, 32));
  });

  it("is in the form of a UUID, and its hash is the same without hyphens", () => {
    const operation = identify({ scope: "s", operation: "o", key: "k" }, DAY);
    expect(operation.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    expect(operation.keyHash).toBe(operation.id.replaceAll("-", ""));
    expect(summarize(operation)).toEqual({ scope: "s", operation: "o", keyHash: operation.keyHash });
  });

  it("is never shared by distinct operations, however their parts run together", () => {
    const part = fc.string({
      unit: fc.constantFrom("a", "b", ":", "|", "/", "\u0001"),
      minLength: 1,
      maxLength: 4,
    });
    const ref = fc.record({ scope: fc.option(part, { nil: undefined }), operation: part, key: part });
    fc.assert(
      fc.property(ref, ref, (a, b) => {
        const same = a.scope === b.scope && a.operation === b.operation && a.key === b.key;
        expect(idOf(a) === idOf(b)).toBe(same);
      }),
      { numRuns: 2_000 },
    );
  });

  it("does not move a character from one part to the next unnoticed", () => {
    const text = fc.string({ unit: "grapheme", minLength: 3, maxLength: 12 });
    fc.assert(
      fc.property(text, fc.nat(), fc.nat(), fc.nat(), fc.nat(), (whole, i, j, k, l) => {
        const units = [...whole];
        const cut = (x: number, y: number): OperationRef | undefined => {
          const [from, to] = [1 + (x % units.length), 1 + (y % units.length)].sort((a, b) => a - b);
          const parts = [units.slice(0, from), units.slice(from, to), units.slice(to)].map((p) => p.join(""));
          const [scope = "", operation = "", key = ""] = parts;
          return parts.includes("") || whole.includes("\0") ? undefined : { scope, operation, key };
        };
        const [a, b] = [cut(i, j), cut(k, l)];
        if (a === undefined || b === undefined) return;
        expect(idOf(a) === idOf(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  it("tells the absent scope from every other", () => {
    expect(idOf({ operation: "o", key: "k" })).not.toBe(idOf({ scope: "o", operation: "o", key: "k" }));
    expect(() => idOf({ scope: "", operation: "o", key: "k" })).toThrow(/scope is empty/);
  });
});

describe("what identify refuses", () => {
  const bad: readonly (readonly [string, unknown, RegExp])[] = [
    ["undefined", undefined, /not a string/],
    ["null", null, /is a null, not a string/],
    ["a number", 7, /is a number, not a string/],
    ["an object", { toString: () => "k" }, /is a object, not a string/],
    ["a String object", Object("k"), /not a string/],
    ["an array", ["k"], /not a string/],
    ["the empty string", "", /is empty/],
    ["256 bytes", "x".repeat(256), /longer than 255 bytes/],
    ["86 characters of 3 bytes", "€".repeat(86), /longer than 255 bytes/],
    ["1 MiB", "x".repeat(1024 * 1024), /longer than 255 bytes/],
    ["NUL", "a\0b", /NUL/],
    ["a lone high surrogate", "a\ud800", /lone surrogate/],
    ["a lone low surrogate", "\udc00a", /lone surrogate/],
  ];
  for (const part of ["scope", "operation", "key"]) {
    it.each(bad.filter(([name]) => part !== "scope" || name !== "undefined"))(
      `${part}: %s`,
      (_, value, message) => {
        const ref = { scope: "s", operation: "o", key: "k", [part]: value } as OperationRef;
        expect(() => identify(ref, DAY)).toThrow(InvalidOperationError);
        expect(() => identify(ref, DAY)).toThrow(message);
        expect(() => identify(ref, DAY)).toThrow(new RegExp(`operation's ${part} `));
      },
    );
  }

  it.each([null, undefined, "key", 7])("an operation that is no object (%s)", (ref) => {
    expect(() => identify(ref as unknown as OperationRef, DAY)).toThrow(InvalidOperationError);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, RETENTION_MS_MAX + 1, "7", 7n])(
    "a retentionMs of %s",
    (retentionMs) => {
      const ref = { operation: "o", key: "k", retentionMs } as OperationRef;
      expect(() => identify(ref, DAY)).toThrow(/retentionMs/);
    },
  );

  it.each([new Date(Number.NaN), new Date(-1), new Date(2 ** 48), 0, "2026-01-01", null])(
    "an issuedAt of %s",
    (issuedAt) => {
      const ref = { operation: "o", key: "k", issuedAt } as OperationRef;
      expect(() => identify(ref, DAY)).toThrow(/issuedAt/);
    },
  );

  it("names no key in its message", () => {
    const secret = `secret-${"x".repeat(300)}`;
    expect(() => identify({ operation: "o", key: secret }, DAY)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("secret") }),
    );
  });
});

it("the operation's own retention wins over the ledger's", () => {
  expect(identify({ operation: "o", key: "k", retentionMs: 5 }, DAY).retentionMs).toBe(5);
  expect(identify({ operation: "o", key: "k" }, DAY).retentionMs).toBe(DAY);
});

describe("a fresh operation", () => {
  const fresh = (ref: Partial<OperationRef>): boolean =>
    isFresh(identify({ operation: "o", key: "k", ...ref }, DAY));

  it("has a time of just now, in its key or beside it", () => {
    expect(fresh({ key: newKey() })).toBe(true);
    expect(fresh({ issuedAt: new Date() })).toBe(true);
  });

  it.each([
    ["no time", {}],
    ["an older time", { issuedAt: new Date(Date.now() - 2_000) }],
    ["a time to come", { issuedAt: new Date(Date.now() + 60_000) }],
    ["an old key", { key: V7 }],
    ["an old key beside a new time", { key: ULID, issuedAt: new Date() }],
  ])("does not have %s", (_, ref) => {
    expect(fresh(ref)).toBe(false);
  });
});
