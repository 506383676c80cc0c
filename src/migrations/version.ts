import type { Row, Statement } from "../core/executor.js";
import { quote as quoteSqlite } from "../dialects/sqlite/sql.js";
import type { Engine } from "./index.js";

/** Where a ledger stands in a database. */
export interface LedgerName {
  /** `public` on PostgreSQL, `main` on SQLite and the connection's database elsewhere where it is undefined. */
  readonly schema?: string | undefined;
  readonly table: string;
}

/**
 * What a database holds under the ledger's name: nothing, a table without the mark that every finished ledger has, or a
 * ledger that has had all steps up to a version.
 */
export type LedgerState =
  | { readonly status: "absent" }
  | { readonly status: "unmarked" }
  | { readonly status: "marked"; readonly version: number };

/** Reads the mark that the migrations leave, whoever ran them; see {@link readLedgerState}. */
export function ledgerStateStatement(engine: Engine, { schema, table }: LedgerName): Statement {
  switch (engine) {
    case "postgres":
      return {
        sql: `SELECT obj_description(pg_class.oid, 'pg_class') AS mark FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = $1 AND relname = $2`,
        values: [schema ?? "public", table],
      };
    case "mysql":
    case "mariadb":
      return {
        sql: "SELECT TABLE_COMMENT AS mark FROM information_schema.TABLES WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?",
        values: [schema ?? null, table],
      };
    case "sqlite":
      // A view keeps its text, which is the mark.
      return {
        sql: `SELECT COALESCE((SELECT sql FROM ${quoteSqlite(schema ?? "main")}.sqlite_master WHERE type = 'view' AND name = ?), '') AS mark
FROM ${quoteSqlite(schema ?? "main")}.sqlite_master WHERE type = 'table' AND name = ?`,
        values: [`${table}_version`, table],
      };
  }
}

const MARK = /^opledger ledger, version (\d+)$|\bAS SELECT (\d+) AS version$/;

export function readLedgerState(rows: readonly Row[]): LedgerState {
  const [row] = rows;
  if (row === undefined) return { status: "absent" };
  const [, comment, view] = MARK.exec(String(row.mark ?? "")) ?? [];
  const version = comment ?? view;
  return version === undefined ? { status: "unmarked" } : { status: "marked", version: Number(version) };
}
