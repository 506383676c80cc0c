import type { Entries, Write } from "../../core/writes.js";

/** What two writes must share, beside their columns, to share their SQL. */
export interface ShapeOptions {
  /** Something is to be redacted. */
  readonly redact: boolean;
  /** The transaction is the caller's, who gets its lock timeout back. */
  readonly joined: boolean;
  /** Answer only what most writes come to: see `briefSql`. */
  readonly brief: boolean;
}

/** What two writes must share to share their SQL, as a text that is quickly made: it is made for every write. */
export function shapeOf(write: Write, options: ShapeOptions): string {
  const { verb, table, returning } = write;
  const flags = `${options.redact ? "r" : ""}${options.joined ? "j" : ""}${options.brief ? "b" : ""}`;
  const common = `${verb} ${flags} ${joinedNames(table)}${returning === undefined ? "*" : joinedNames(returning)}`;
  switch (write.verb) {
    case "insert":
      return `${common}${columnsOf(write.values)}${joinedNames(write.conflict)}`;
    case "upsert":
      return `${common}${columnsOf(write.values)}${joinedNames(write.conflict)}${joinedNames(write.update)}`;
    case "update":
      return `${common}${columnsOf(write.set)}${whereShape(write.where)}${write.version === undefined ? "" : joinedNames([write.version.column])}`;
    case "increment":
      return `${common}${columnsOf(write.by)}${whereShape(write.where)}`;
    case "delete":
      return `${common}${whereShape(write.where)}`;
  }
}

function whereShape(where: Entries): string {
  let shape = columnsOf(where);
  for (const [, value] of where) shape += value === null ? "n" : "v";
  return shape;
}

function columnsOf(entries: Entries): string {
  let text = `${entries.length}(`;
  for (const [column] of entries) text += `${column.length}:${column}`;
  return text;
}

/** Names as one text that no other names have: each is preceded by its length. */
export function joinedNames(names: readonly string[]): string {
  let text = `${names.length}(`;
  for (const name of names) text += `${name.length}:${name}`;
  return text;
}
