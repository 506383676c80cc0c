import type { DataSource } from "typeorm";
import type { ResultSet, Row } from "../../../core/executor.js";

/** @see https://github.com/WiseLibs/better-sqlite3/blob/master/docs/api.md */
interface BetterSqlite3 {
  prepare(sql: string): BetterSqlite3Statement;
}

interface BetterSqlite3Statement {
  /** Whether it gives rows. */
  readonly reader: boolean;
  safeIntegers(on: boolean): this;
  all(...values: readonly unknown[]): Row[];
  run(...values: readonly unknown[]): { readonly changes: number };
}

/** @see https://sql.js.org/documentation/ */
interface SqlJs {
  prepare(sql: string): SqlJsStatement;
  getRowsModified(): number;
}

interface SqlJsStatement {
  bind(values: readonly unknown[]): boolean;
  step(): boolean;
  getColumnNames(): readonly string[];
  getAsObject(values: null, config: { readonly useBigInt: true }): Row;
  free(): void;
}

/** The ledger's own statements are few; a bound write has one for each set of columns. */
const STATEMENTS_MAX = 200;
const prepared = new WeakMap<BetterSqlite3, Map<string, BetterSqlite3Statement>>();

/**
 * Runs one of opledger's own statements on a data source's connection, past TypeORM, whose query log and subscribers would get its
 * values, a key among them, and whose drivers round whole numbers beyond 2^53.
 *
 * @throws the driver's own error
 */
export function runOn(dataSource: DataSource, sql: string, values: readonly unknown[]): ResultSet {
  const { databaseConnection } = dataSource.driver as unknown as {
    databaseConnection: BetterSqlite3 | SqlJs;
  };
  const { rows, affected } =
    "getRowsModified" in databaseConnection
      ? runSqlJs(databaseConnection, sql, values)
      : runBetterSqlite3(databaseConnection, sql, values);
  for (const row of rows) for (const name in row) row[name] = narrowed(row[name]);
  return { rows, affected };
}

function runBetterSqlite3(database: BetterSqlite3, sql: string, values: readonly unknown[]): ResultSet {
  const statement = preparedOn(database, sql);
  if (!statement.reader) return { rows: [], affected: statement.run(...values).changes };
  const rows = statement.all(...values);
  return { rows, affected: rows.length };
}

function preparedOn(database: BetterSqlite3, sql: string): BetterSqlite3Statement {
  const known = prepared.get(database) ?? new Map<string, BetterSqlite3Statement>();
  prepared.set(database, known);
  const statement = known.get(sql) ?? database.prepare(sql).safeIntegers(true);
  // Last in, and so last to go.
  known.delete(sql);
  known.set(sql, statement);
  const [oldest] = known.keys();
  if (known.size > STATEMENTS_MAX && oldest !== undefined) known.delete(oldest);
  return statement;
}

function runSqlJs(database: SqlJs, sql: string, values: readonly unknown[]): ResultSet {
  const statement = database.prepare(sql);
  try {
    statement.bind(values);
    const rows: Row[] = [];
    while (statement.step()) rows.push(statement.getAsObject(null, { useBigInt: true }));
    // It counts what the statement before changed, where one only reads.
    const reads = statement.getColumnNames().length > 0;
    return { rows, affected: reads ? rows.length : database.getRowsModified() };
  } finally {
    statement.free();
  }
}

/** As numbers where they are exact, as every driver gives them. */
function narrowed(value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/**
 * A value as SQLite's drivers take it; a Date as TypeORM stores it, an object as JSON.
 *
 * @throws {TypeError} SQLite would store NULL in its place
 */
export function bindable(value: unknown): unknown {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "bigint") return value.toString();
  if (value === undefined) return null;
  const isInvalid = value instanceof Date ? Number.isNaN(value.getTime()) : Number.isNaN(value);
  if (isInvalid) throw new TypeError(`a column's value must not be ${String(value)}`);
  if (value instanceof Date) return value.toISOString().replace("T", " ").replace("Z", "");
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return JSON.stringify(value);
}
