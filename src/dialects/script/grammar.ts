import type { Statement } from "../../core/executor.js";
import { type Entries, Expression } from "../../core/writes.js";

/** SQL with the values of its placeholders, to be put together in order. */
export interface Fragment {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** What engines that write by several statements say differently, or cannot say. */
export interface Grammar {
  /** The only way an identifier gets into SQL. */
  quote(name: string): string;
  /** Makes a read lock its rows, and see them as they are now; empty where a writer has the whole database to itself. */
  readonly forUpdate: string;
  /** `INSERT … RETURNING`. */
  readonly insertReturning: boolean;
  /** Whether RETURNING shows what the table's triggers made of the row. */
  readonly returnsTriggered: boolean;
  /** The number that the engine gave to the row at that place among those of the last insert. */
  insertId(position: number, count: number): string;
  /** What stands for the columns, and for the values, of a row of nothing but defaults. */
  readonly defaultRow: { readonly columns: string; readonly values: string };
  /** A number that is added exactly, whatever the driver sends it as. */
  amount(value: unknown): Fragment;
  /** A column with an amount added to it, exactly, or else an error of the database's: never something near. */
  sum(column: string, amount: Fragment): Fragment;
}

/** A statement worth preparing. */
export function prepared(sql: string, values: readonly unknown[], more: Partial<Statement> = {}): Statement {
  return { sql, values, name: sql, ...more };
}

export function plain(sql: string): Statement {
  return { sql, values: [] };
}

export function join(fragments: readonly Fragment[], separator: string): Fragment {
  return {
    sql: fragments.map(({ sql }) => sql).join(separator),
    values: fragments.flatMap(({ values }) => values),
  };
}

/** A value bound to a placeholder, or the SQL that stands for it. */
export function placed(value: unknown): Fragment {
  return value instanceof Expression ? { sql: `(${value.sql})`, values: [] } : { sql: "?", values: [value] };
}

/** For engines that refuse by themselves a sum that the column cannot hold. */
export function plainSum(column: string, { sql, values }: Fragment): Fragment {
  return { sql: `${column} + ${sql}`, values };
}

export function quotePath({ quote }: Pick<Grammar, "quote">, path: readonly string[]): string {
  return path.map((name) => quote(name)).join(".");
}

/** Columns that equal values. */
export function matches({ quote }: Grammar, entries: Entries): Fragment {
  return join(
    entries.map(([column, value]) =>
      value === null
        ? { sql: `${quote(column)} IS NULL`, values: [] }
        : join([{ sql: `${quote(column)} =`, values: [] }, placed(value)], " "),
    ),
    " AND ",
  );
}
