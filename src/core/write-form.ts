import { plainEntriesForm, plainForm } from "./plain-form.js";
import type { Entries, Version, Write } from "./writes.js";

/** What a write's fingerprint covers where the operation has no payload of its own. */
export function writeArguments(write: Write): unknown {
  const { verb, table, ...given } = write;
  const unordered = Object.entries(given).map(([name, part]) => [name, withoutOrder(part)]);
  return Object.fromEntries(unordered);
}

/** What a write may hold beside its verb and table, in the order of their names. */
const PARTS = ["by", "conflict", "returning", "set", "update", "values", "version", "where"] as const;

/**
 * The canonical form of {@link writeArguments}, made without them where all values are plain.
 *
 * @returns undefined where the general encoder must be asked
 */
export function plainArgumentsForm(write: Write): string | undefined {
  const given = write as Partial<Record<(typeof PARTS)[number], Entries | readonly string[] | Version>>;
  let text = "";
  for (const name of PARTS) {
    const part = given[name];
    if (part === undefined) continue;
    const form = partForm(part);
    if (form === undefined) return undefined;
    text += `${text === "" ? "" : ","}"${name}":${form}`;
  }
  return `{${text}}`;
}

function partForm(part: Entries | readonly string[] | Version): string | undefined {
  if (!Array.isArray(part)) return plainEntriesForm(Object.entries(part));
  return Array.isArray(part[0]) ? plainEntriesForm(part as Entries) : plainForm(withoutOrder(part));
}

/** The order in which the caller named the columns does not count. */
function withoutOrder(part: unknown): unknown {
  if (!Array.isArray(part)) return part;
  if (!part.some(Array.isArray)) return [...part].sort();
  return Object.assign(Object.create(null), Object.fromEntries(part));
}
