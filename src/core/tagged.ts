import { inspect, types } from "node:util";
import canonicalize from "canonicalize";

/**
 * The JSON form shared by fingerprints and stored results. Plain JSON stands for itself; what JSON cannot say
 * is an object with one `$`-prefixed key, and a user's own key that starts with `$` gets one `$` more, so that
 * no two different values ever share a form.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export const TAG = {
  date: "$date",
  bigint: "$bigint",
  bytes: "$bytes",
  decimal: "$decimal",
  map: "$map",
  set: "$set",
} as const;

/** Deeper values are refused: the encoders recurse, and no honest payload nests this far. */
export const DEPTH_MAX = 200;

/** Why a value has no form, and where in the value: `$.items[3].price`. */
export class UnencodableError extends Error {
  constructor(
    readonly reason: string,
    readonly path: string,
  ) {
    super(`${reason} at ${path}`);
  }
}

/** The form would take more characters than allowed, and was not built: shared references can make it astronomical. */
export class OversizeError extends Error {}

export interface TaggedOptions {
  /** Fingerprints accept Map and Set; stored results do not, since nobody expects JSON to give them back. */
  readonly collections: boolean;
  readonly charactersMax: number;
}

interface Walk extends TaggedOptions {
  readonly open: Set<object>;
  readonly path: (string | number)[];
  /** How many more characters the form may take. */
  budget: number;
}

/**
 * @throws {UnencodableError} the value, or something inside it, has no defined form
 * @throws {OversizeError} the form would be longer than `charactersMax`
 */
export function toTagged(value: unknown, options: TaggedOptions): Json {
  return encode(value, { ...options, open: new Set(), path: [], budget: options.charactersMax });
}

function refuse(reason: string, walk: Walk): never {
  const path = walk.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
  throw new UnencodableError(reason, `$${path}`);
}

function encode(value: unknown, walk: Walk): Json {
  walk.budget -= typeof value === "string" ? value.length + 2 : 2;
  if (walk.budget < 0) throw new OversizeError(`more than ${walk.charactersMax} characters`);
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) refuse("a string with a lone surrogate", walk);
      return value;
    case "number":
      if (!Number.isFinite(value)) refuse(`the number ${value}`, walk);
      return value;
    case "boolean":
      return value;
    case "bigint":
      return { [TAG.bigint]: value.toString() };
    case "object":
      return value === null ? null : encodeObject(value, walk);
    default:
      return refuse(value === undefined ? "undefined" : `a ${typeof value}`, walk);
  }
}

function encodeObject(value: object, walk: Walk): Json {
  if (walk.open.has(value)) refuse("a circular reference", walk);
  if (walk.open.size >= DEPTH_MAX) {
    throw new UnencodableError(`a value nested deeper than ${DEPTH_MAX} levels`, "$");
  }
  walk.open.add(value);
  const form = encodeOpened(value, walk);
  walk.open.delete(value);
  return form;
}

function encodeOpened(value: object, walk: Walk): Json {
  if (Array.isArray(value)) return encodeList(value, walk);
  // By type, not by class: values of another realm are as good.
  if (types.isDate(value)) {
    if (Number.isNaN(value.getTime())) refuse("an invalid Date", walk);
    return { [TAG.date]: value.toISOString() };
  }
  if (types.isUint8Array(value)) {
    return { [TAG.bytes]: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (types.isMap(value)) return encodeMap(value, walk);
  if (types.isSet(value)) return encodeSet(value, walk);
  const decimal = decimalText(value);
  if (decimal !== undefined) {
    if (!/^-?\d/.test(decimal)) refuse(`the decimal ${decimal}`, walk);
    return { [TAG.decimal]: decimal };
  }
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return encode(toJSON.call(value, ""), walk);
  return encodeProperties(value, walk);
}

function encodeList(list: readonly unknown[], walk: Walk): Json[] {
  if (Object.keys(list).length > list.length) refuse("a list with properties of its own", walk);
  const forms: Json[] = [];
  for (let index = 0; index < list.length; index++) {
    walk.path.push(index);
    forms.push(encode(list[index], walk));
    walk.path.pop();
  }
  return forms;
}

function encodeMap(map: ReadonlyMap<unknown, unknown>, walk: Walk): Json {
  if (!walk.collections) refuse("a Map", walk);
  const entries = [...map].map(([key, entry], index) => {
    walk.path.push(index);
    const form = encodeList([key, entry], walk);
    walk.path.pop();
    return form;
  });
  return { [TAG.map]: sortedByForm(entries) };
}

function encodeSet(set: ReadonlySet<unknown>, walk: Walk): Json {
  if (!walk.collections) refuse("a Set", walk);
  return { [TAG.set]: sortedByForm(encodeList([...set], walk)) };
}

/** Maps and sets are equal whatever order they were filled in. */
function sortedByForm(forms: readonly Json[]): Json[] {
  const keyed = forms.map((form) => ({ form, text: canonicalize(form) ?? "" }));
  keyed.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  return keyed.map(({ form }) => form);
}

function encodeProperties(value: object, walk: Walk): Json {
  const prototype: unknown = Object.getPrototypeOf(value);
  const plain = prototype === null || Object.getPrototypeOf(prototype) === null;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag !== "Object") refuse(`a ${tag}`, walk);
  const keys = Object.keys(value);
  if (!plain && keys.length === 0) {
    refuse("an instance of a class without enumerable properties or toJSON", walk);
  }
  if (Object.getOwnPropertySymbols(value).some((symbol) => isContent(value, symbol))) {
    refuse("a property with a symbol for a key", walk);
  }
  // No prototype, so that a key named __proto__ is a key like any other.
  const form: Record<string, Json> = Object.create(null);
  for (const key of keys) {
    const entry = (value as Record<string, unknown>)[key];
    if (entry === undefined) continue;
    walk.path.push(key);
    if (!key.isWellFormed()) refuse("a key with a lone surrogate", walk);
    form[key.startsWith("$") ? `$${key}` : key] = encode(entry, walk);
    walk.path.pop();
  }
  return form;
}

/** How a value is to be printed is no part of it; ORMs say so of rows with computed fields. */
function isContent(value: object, symbol: symbol): boolean {
  return symbol !== inspect.custom && Object.prototype.propertyIsEnumerable.call(value, symbol);
}

/** The exact text of a decimal.js, bignumber.js, big.js or {@link ExactDecimal} value; undefined for anything else. */
function decimalText(value: object): string | undefined {
  const candidate = value as { toFixed?: unknown; s?: unknown; e?: unknown; c?: unknown; d?: unknown };
  if (value instanceof ExactDecimal) return value.toString();
  if (typeof candidate.toFixed !== "function" || !("s" in value && "e" in value)) return undefined;
  if (!("c" in value || "d" in value)) return undefined;
  return String(candidate.toFixed());
}

/** A decimal number kept as text: what a stored decimal comes back as when the ledger has no `decimal` option. */
export class ExactDecimal {
  readonly #text: string;

  /** @throws {TypeError} the text is not a plain decimal number such as `-12.50` */
  constructor(text: string) {
    if (!/^-?\d+(\.\d+)?$/.test(text)) throw new TypeError(`not a decimal number: ${JSON.stringify(text)}`);
    this.#text = text;
  }
  toString(): string {
    return this.#text;
  }
  toJSON(): string {
    return this.#text;
  }
  toFixed(): string {
    return this.#text;
  }
}

function defineOwn(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
}

export interface Revive {
  readonly decimal: (text: string) => unknown;
  /** A Uint8Array unless given. */
  readonly bytes?: ((bytes: Buffer) => unknown) | undefined;
}

/** The value that {@link toTagged} was given. Map and Set have no way back. */
export function fromTagged(form: Json, revive: Revive): unknown {
  if (form === null || typeof form !== "object") return form;
  if (Array.isArray(form)) return form.map((entry) => fromTagged(entry, revive));
  const entries = Object.entries(form);
  const [first] = entries;
  if (entries.length === 1 && first !== undefined && typeof first[1] === "string") {
    const [tag, text] = first;
    if (tag === TAG.date) return new Date(text);
    if (tag === TAG.bigint) return BigInt(text);
    if (tag === TAG.bytes) {
      const bytes = Buffer.from(text, "base64");
      return revive.bytes === undefined ? new Uint8Array(bytes) : revive.bytes(bytes);
    }
    if (tag === TAG.decimal) return revive.decimal(text);
  }
  const value: Record<string, unknown> = {};
  for (const [key, entry] of entries) {
    const name = key.startsWith("$") ? key.slice(1) : key;
    const own = fromTagged(entry, revive);
    // What every object inherits must not be assigned: __proto__ has a setter, and the others may be frozen.
    if (name in value) defineOwn(value, name, own);
    else value[name] = own;
  }
  return value;
}
