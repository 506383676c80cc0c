import { type Entries, Expression, type Write } from "../../core/writes.js";

/**
 * How a write's row comes back: in columns of the table's own types, for drivers that know them; or as the text of its JSON, the
 * very bytes that are stored, for a client whose types would bend it.
 */
export type AnswerForm = "columns" | "text";

/**
 * How much a write's statement can answer:
 * - `whole`: everything
 * - `brief`: what most writes come to, and otherwise nothing
 * - `fresh`: the same for an operation that has hardly run before: of an earlier run, too, nothing
 */
export type Form = "whole" | "brief" | "fresh";

/** What two writes must share, beside their columns, to share their SQL. */
export interface ShapeOptions {
  readonly answer: AnswerForm;
  /** Something is to be redacted. */
  readonly redact: boolean;
  /** The transaction is the caller's, who gets its lock timeout back. */
  readonly joined: boolean;
  readonly form: Form;
}

/** Adds the values that a write's statement takes from it, in the order of its placeholders. */
export function pushValues(write: Write, to: unknown[]): void {
  if ("values" in write) push(write.values, to);
  if ("set" in write && write.set !== undefined) push(write.set, to);
  if ("by" in write && write.by !== undefined) push(write.by, to);
  if ("where" in write) for (const [, value] of write.where) if (value !== null) to.push(value);
  if (write.verb === "update" && write.version !== undefined) to.push(write.version.expected);
}

function push(entries: Entries, to: unknown[]): void {
  for (const [, value] of entries) if (!(value instanceof Expression)) to.push(value);
}

/** What two writes must share to share their SQL, as a text that is quickly made: it is made for every write. */
export function shapeOf(write: Write, options: ShapeOptions): string {
  const { verb, table, returning } = write;
  const flags = `${options.redact ? "r" : ""}${options.joined ? "j" : ""}${options.form}`;
  const common = `${verb} ${flags} ${joinedNames(table)}${returning === undefined ? "*" : joinedNames(returning)}`;
  switch (write.verb) {
    case "insert":
      return `${common}${columnsOf(write.values)}${joinedNames(write.conflict)}`;
    case "upsert": {
      const { set = [], by = [] } = write;
      const further = `${columnsOf(set)}${columnsOf(by)}`;
      return `${common}${columnsOf(write.values)}${joinedNames(write.conflict)}${joinedNames(write.update)}${further}`;
    }
    case "update": {
      const version = write.version === undefined ? "" : joinedNames([write.version.column]);
      return `${common}${columnsOf(write.set)}${columnsOf(write.by ?? [])}${whereShape(write.where)}${version}`;
    }
    case "increment":
      return `${common}${columnsOf(write.by)}${whereShape(write.where)}`;
    case "delete":
      return `${common}${whereShape(write.where)}`;
  }
}

export function bound(where: Entries): Entries {
  return where.filter(([, value]) => value !== null);
}

function whereShape(where: Entries): string {
  let shape = columnsOf(where);
  for (const [, value] of where) shape += value === null ? "n" : "v";
  return shape;
}

/** An expression is part of the SQL, and so of its shape. */
function columnsOf(entries: Entries): string {
  let text = `${entries.length}(`;
  for (const [column, value] of entries) {
    text += `${column.length}:${column}`;
    if (value instanceof Expression) text += `=${value.sql.length}:${value.sql}`;
  }
  return text;
}

/** Names as one text that no other names have: each is preceded by its length. */
export function joinedNames(names: readonly string[]): string {
  let text = `${names.length}(`;
  for (const name of names) text += `${name.length}:${name}`;
  return text;
}
