import { type Entries, Expression, type Write } from "../../core/writes.js";

/**
 * How a write's row comes back: in columns of the table's own types, for drivers that know them; or as the text of its JSON, the
 * very bytes that are stored, for a client whose types would bend it.
 */
export type AnswerForm = "columns" | "text";

/** What two writes must share, beside their columns, to share their SQL. */
export interface ShapeOptions {
  readonly answer: AnswerForm;
  /** Something is to be redacted. */
  readonly redact: boolean;
  /** The transaction is the caller's, who gets its lock timeout back. */
  readonly joined: boolean;
}

/** The values that `writeSql` takes from the write, in the order of its placeholders. */
export function writeValues(write: Write): unknown[] {
  switch (write.verb) {
    case "insert":
      return values(write.values);
    case "upsert":
      return [...values(write.values), ...values(write.set ?? []), ...values(write.by ?? [])];
    case "update":
      return [
        ...values(write.set),
        ...values(write.by ?? []),
        ...values(bound(write.where)),
        ...(write.version ? [write.version.expected] : []),
      ];
    case "increment":
      return [...values(write.by), ...values(bound(write.where))];
    case "delete":
      return values(bound(write.where));
  }
}

/** What two writes must share to share their SQL. */
export function shapeOf(write: Write, options: ShapeOptions): string {
  const { verb, table, returning } = write;
  const common = [verb, table, returning ?? null, options.redact, options.joined];
  switch (write.verb) {
    case "insert":
      return JSON.stringify([...common, columnsOf(write.values), write.conflict]);
    case "upsert":
      return JSON.stringify([
        ...common,
        columnsOf(write.values),
        write.conflict,
        write.update,
        columnsOf(write.set ?? []),
        columnsOf(write.by ?? []),
      ]);
    case "update":
      return JSON.stringify([
        ...common,
        columnsOf(write.set),
        columnsOf(write.by ?? []),
        whereShape(write.where),
        write.version?.column ?? null,
      ]);
    case "increment":
      return JSON.stringify([...common, columnsOf(write.by), whereShape(write.where)]);
    case "delete":
      return JSON.stringify([...common, whereShape(write.where)]);
  }
}

export function bound(where: Entries): Entries {
  return where.filter(([, value]) => value !== null);
}

function whereShape(where: Entries): unknown {
  return where.map(([column, value]) => [column, value === null]);
}

function columnsOf(entries: Entries): readonly unknown[] {
  return entries.map(([column, value]) => (value instanceof Expression ? [column, value.sql] : column));
}

export function values(entries: Entries): unknown[] {
  return entries.filter(([, value]) => !(value instanceof Expression)).map(([, value]) => value);
}
