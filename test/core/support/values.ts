import fc from "fast-check";

/** Shaped like decimal.js and Prisma's Decimal: sign, exponent, digits, and a `toFixed` with the exact text. */
export class DecimalJsLike {
  readonly s: number;
  readonly e: number;
  readonly d: readonly number[];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    this.s = text.startsWith("-") ? -1 : 1;
    this.e = text.replace("-", "").split(".")[0]?.length ?? 0;
    this.d = [Number(text.replace(/\D/g, "").slice(0, 7))];
  }
  toFixed(): string {
    return this.#text;
  }
  toJSON(): string {
    return this.#text;
  }
}

/** Shaped like bignumber.js and big.js, which keep their digits in `c`. */
export class BigNumberLike {
  readonly s = 1;
  readonly e = 0;
  readonly c: readonly number[] = [1];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }
  toFixed(): string {
    return this.#text;
  }
}

/**
 * What a value is, as text: two values have the same description exactly where they must have the same fingerprint.
 * It shares no code, no tags and no escaping with the library.
 */
export function describeValue(value: unknown): string {
  return JSON.stringify(described(value));
}

function described(value: unknown): unknown {
  if (value === null) return ["null"];
  if (typeof value === "number") return ["number", Object.is(value, -0) ? "0" : String(value)];
  if (typeof value === "bigint") return ["bigint", String(value)];
  if (typeof value !== "object") return [typeof value, value];
  if (value instanceof Date) return ["date", value.getTime()];
  if (value instanceof Uint8Array) return ["bytes", ...value];
  if (value instanceof DecimalJsLike || value instanceof BigNumberLike) return ["decimal", value.toFixed()];
  if (Array.isArray(value)) return ["list", ...value.map(described)];
  if (value instanceof Map) {
    return ["map", ...[...value].map((entry) => JSON.stringify(entry.map(described))).sort()];
  }
  if (value instanceof Set) return ["set", ...[...value].map(describeValue).sort()];
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return ["object", ...entries.map(([key, entry]) => JSON.stringify([key, described(entry)])).sort()];
}

/** The same value with every object's, map's and set's members in the opposite order. */
export function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (value instanceof Map)
    return new Map([...value].reverse().map(([key, entry]) => [reordered(key), reordered(entry)]));
  if (value instanceof Set) return new Set([...value].reverse().map(reordered));
  if (value === null || typeof value !== "object" || isLeaf(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, entry]) => [key, reordered(entry)]),
  );
}

function isLeaf(value: object): boolean {
  return (
    value instanceof Date ||
    value instanceof Uint8Array ||
    value instanceof DecimalJsLike ||
    value instanceof BigNumberLike
  );
}

/** Keys and texts are few, and look like the library's own tags, so that whatever can collide does. */
const KEYS = [
  "a",
  "b",
  "$",
  "$$",
  "$date",
  "$$date",
  "$bigint",
  "$bytes",
  "$decimal",
  "$map",
  "$set",
  "__proto__",
];
const TEXTS = ["", "1", "0", "1970-01-01T00:00:00.000Z", "AQ==", "a", "$date", "null", "é", "e\u0301", "😂"];

const anyKey: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...KEYS) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme" }) },
);

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, 1, 1.5, 0n, 1n),
  fc.constantFrom(...TEXTS),
  fc.constantFrom(0, 1).map((time) => new Date(time)),
  fc.constantFrom([], [1]).map((bytes) => Uint8Array.from(bytes)),
  fc.constantFrom("1", "0").map((text) => new DecimalJsLike(text)),
  fc.constantFrom("1.50").map((text) => new BigNumberLike(text)),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.bigInt(),
  fc.string({ unit: "grapheme" }),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 8 }),
);

function nested(collections: boolean): fc.Arbitrary<unknown> {
  const { tree } = fc.letrec<{ tree: unknown; branch: unknown }>((tie) => {
    const members = fc.array(tie("tree"), { maxLength: 3 });
    const distinct = fc.uniqueArray(tie("tree"), { maxLength: 3, selector: describeValue });
    const plain = [
      members,
      fc.array(fc.tuple(anyKey, tie("tree")), { maxLength: 3 }).map(Object.fromEntries),
    ];
    const keyed = fc
      .uniqueArray(fc.tuple(tie("tree"), tie("tree")), {
        maxLength: 3,
        selector: ([key]) => describeValue(key),
      })
      .map((entries) => new Map(entries));
    const all = collections ? [...plain, keyed, distinct.map((items) => new Set(items))] : plain;
    return {
      branch: fc.oneof(...all),
      tree: fc.oneof({ depthSize: "small", withCrossShrink: true }, leaf, tie("branch")),
    };
  });
  return tree;
}

/** Everything that a payload may be made of. */
export const anyPayload: fc.Arbitrary<unknown> = nested(true);
/** Everything that a stored result may be made of. */
export const anyResult: fc.Arbitrary<unknown> = nested(false);
