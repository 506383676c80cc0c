import { types } from "node:util";

/** Larger or deeper values are left to the general encoder, which bounds what it builds and says where a value is wrong. */
const NODES_MAX = 500;
const CHARACTERS_MAX = 10_000;
const DEPTH_MAX = 8;

/** Characters that stand for themselves in JSON. */
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;
/** Characters that JSON escapes, and lone surrogates. */
const UNSAFE = /["\\\p{Cc}\p{Cs}]/u;

/**
 * The canonical form of a value that is small and plain, as nearly every payload and every bound write's arguments are: the
 * same text as the general encoder's, in one walk instead of two.
 *
 * @returns undefined where the general encoder must be asked, be it only for the error
 */
export function plainForm(value: unknown): string | undefined {
  return form(value, DEPTH_MAX, { nodes: NODES_MAX });
}

/**
 * The same of columns and values, as `plainForm` has it of an object that holds them.
 *
 * @returns undefined where the general encoder must be asked
 */
export function plainEntriesForm(
  entries: readonly (readonly [name: string, value: unknown])[],
): string | undefined {
  const walk = { nodes: NODES_MAX };
  // Sorted by name as the properties of an object are: by UTF-16 code units.
  const ordered = areAscending(entries.map(([name]) => name))
    ? entries
    : [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  let text = "";
  for (const [column, value] of ordered) {
    // These would say that something else than its properties tells what the object means.
    if (column === "toJSON" || column === "toFixed") return undefined;
    const own = property(column, value, DEPTH_MAX, walk);
    if (own === undefined) return undefined;
    text += text === "" || own === "" ? own : `,${own}`;
  }
  return `{${text}}`;
}

/** Whether these need no sorting, as is common where they are few. */
function areAscending(names: readonly string[]): boolean {
  return names.every((name, index) => index === 0 || (names[index - 1] ?? "") < name);
}

function form(value: unknown, depth: number, walk: { nodes: number }): string | undefined {
  walk.nodes -= 1;
  if (walk.nodes < 0) return undefined;
  switch (typeof value) {
    case "string":
      return textForm(value);
    case "number":
      return Number.isFinite(value) ? String(value) : undefined;
    case "boolean":
      return value ? "true" : "false";
    case "bigint":
      return `{"$bigint":"${value}"}`;
    case "object":
      if (value === null) return "null";
      if (depth === 0) return undefined;
      return Array.isArray(value) ? listForm(value, depth, walk) : objectForm(value, depth, walk);
    default:
      return undefined;
  }
}

function textForm(text: string): string | undefined {
  if (text.length > CHARACTERS_MAX) return undefined;
  if (PLAIN_TEXT.test(text) || !UNSAFE.test(text)) return `"${text}"`;
  return text.isWellFormed() ? JSON.stringify(text) : undefined;
}

function listForm(list: readonly unknown[], depth: number, walk: { nodes: number }): string | undefined {
  if (list.length > walk.nodes || Object.keys(list).length !== list.length) return undefined;
  let text = "[";
  for (let index = 0; index < list.length; index++) {
    const entry = form(list[index], depth - 1, walk);
    if (entry === undefined) return undefined;
    text += index === 0 ? entry : `,${entry}`;
  }
  return `${text}]`;
}

function objectForm(value: object, depth: number, walk: { nodes: number }): string | undefined {
  if (!isPlain(value)) return leafForm(value);
  const keys = Object.keys(value);
  if (keys.length > walk.nodes) return undefined;
  // One more `$` before a key that has one keeps the order: it moves only among keys that have one, all of them alike.
  if (!areAscending(keys)) keys.sort();
  let text = "";
  for (const key of keys) {
    const own = property(key, (value as Record<string, unknown>)[key], depth - 1, walk);
    if (own === undefined) return undefined;
    text += text === "" || own === "" ? own : `,${own}`;
  }
  return `{${text}}`;
}

/** Empty where there is no value. */
function property(key: string, value: unknown, depth: number, walk: { nodes: number }): string | undefined {
  if (value === undefined) return "";
  const name = textForm(key.startsWith("$") ? `$${key}` : key);
  const own = form(value, depth, walk);
  return name === undefined || own === undefined ? undefined : `${name}:${own}`;
}

/** Dates and bytes are common among the values of a write. */
function leafForm(value: object): string | undefined {
  if (types.isDate(value)) {
    return Number.isNaN(value.getTime()) ? undefined : `{"$date":"${value.toISOString()}"}`;
  }
  if (!types.isUint8Array(value) || value.length > CHARACTERS_MAX) return undefined;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return `{"$bytes":"${bytes.toString("base64")}"}`;
}

/** Whether nothing but its properties says what an object means. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return false;
  const { toJSON, toFixed } = value as { toJSON?: unknown; toFixed?: unknown };
  return (
    toJSON === undefined &&
    toFixed === undefined &&
    !(Symbol.toStringTag in value) &&
    Object.getOwnPropertySymbols(value).length === 0
  );
}
