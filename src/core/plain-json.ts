import { isPlain } from "./plain-form.js";

/** Larger or deeper values are left to the general encoder, which bounds what it builds and says where a value is wrong. */
const NODES_MAX = 500;
const CHARACTERS_MAX = 50_000;
const DEPTH_MAX = 8;

/**
 * The text of a value that is small and nothing but JSON, as nearly every result is: what the general encoder's form is
 * written as, without that form.
 *
 * @returns undefined where the general encoder must be asked, be it only for the error
 */
export function plainJson(value: unknown): string | undefined {
  return isJson(value, DEPTH_MAX, { nodes: NODES_MAX, characters: CHARACTERS_MAX })
    ? JSON.stringify(value)
    : undefined;
}

interface Walk {
  nodes: number;
  characters: number;
}

function isJson(value: unknown, depth: number, walk: Walk): boolean {
  walk.nodes -= 1;
  if (walk.nodes < 0) return false;
  switch (typeof value) {
    case "string":
      walk.characters -= value.length;
      return walk.characters >= 0 && value.isWellFormed();
    case "number":
      return Number.isFinite(value);
    case "boolean":
      return true;
    case "object":
      if (value === null) return true;
      if (depth === 0) return false;
      return Array.isArray(value) ? isJsonList(value, depth, walk) : isJsonObject(value, depth, walk);
    default:
      return false;
  }
}

function isJsonList(list: readonly unknown[], depth: number, walk: Walk): boolean {
  if ("toJSON" in list || list.length > walk.nodes || Object.keys(list).length !== list.length) return false;
  for (let index = 0; index < list.length; index++) if (!isJson(list[index], depth - 1, walk)) return false;
  return true;
}

/** A key that starts with `$` is escaped in the general encoder's form. */
function isJsonObject(value: object, depth: number, walk: Walk): boolean {
  if (!isPlain(value)) return false;
  for (const key of Object.keys(value)) {
    if (key.startsWith("$") || !key.isWellFormed()) return false;
    walk.characters -= key.length;
    const entry = (value as Record<string, unknown>)[key];
    if (entry !== undefined && !isJson(entry, depth - 1, walk)) return false;
  }
  return true;
}
