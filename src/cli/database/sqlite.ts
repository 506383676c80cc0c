import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Database, Row } from "../../core/executor.js";
import { Ledger } from "../../core/ledger.js";
import { checkedOptions } from "../../core/options.js";
import { sqliteFailure } from "../../dialects/sqlite/failure.js";
import { sqliteDialect } from "../../dialects/sqlite/index.js";
import { CliError, EXIT } from "../exit.js";
import type { Client, ConnectOptions, LedgerNames } from "./client.js";
import { loadDriver } from "./drivers.js";

/** What these have in common: better-sqlite3, libsql (of `@libsql/client`) and Node's own. */
interface Connection {
  exec(sql: string): unknown;
  prepare(sql: string): {
    /** Whether it gives rows; Node's own says by its columns, and before 22.16 not at all. */
    readonly reader?: boolean;
    columns?(): readonly unknown[];
    all(...values: readonly unknown[]): Row[];
    run(...values: readonly unknown[]): { readonly changes: number | bigint };
  };
  close(): void;
}

type Open = new (file: string) => Connection;

const DRIVERS = ["better-sqlite3", "libsql", "node:sqlite"];
const BUSY_MS = 10_000;
const GIVES_ROWS = /^\s*(?:SELECT|VALUES|PRAGMA|EXPLAIN)\b|\bRETURNING\b/i;

export async function connectSqlite(target: string, { cwd, create }: ConnectOptions): Promise<Client> {
  const file = target === ":memory:" ? target : resolve(cwd, target);
  // A driver would make an empty database out of a misspelt name.
  if (!create && file !== ":memory:" && !existsSync(file)) {
    throw new CliError(EXIT.unreachable, `There is no database file ${file}. None was made.`, {
      hint: "check the file's name; a new ledger is made by `npx opledger migrate`",
    });
  }
  const { name, module } = await loadDriver(DRIVERS, cwd);
  const Opened = (module.DatabaseSync ?? module.default ?? module) as Open;
  const connection = new Opened(file);
  // Node's own takes values one by one; the others would take a lone Buffer for named parameters.
  const bound = (values: readonly unknown[]): readonly unknown[] =>
    module.DatabaseSync === undefined ? [[...values]] : values;
  connection.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
  const query: Client["query"] = async (sql, values = []) => {
    try {
      const statement = connection.prepare(sql);
      if (givesRows(statement, sql)) {
        const rows = statement.all(...bound(values));
        return { rows, affected: rows.length };
      }
      return { rows: [], affected: Number(statement.run(...bound(values)).changes) };
    } catch (error) {
      throw withCode(error);
    }
  };
  // The file is read as well, which some drivers do not before they must: what is no database is refused here.
  const { rows } = await query("SELECT sqlite_version() AS version, COUNT(*) AS read FROM sqlite_schema");
  return {
    engine: "sqlite",
    version: String(rows[0]?.version),
    driver: name,
    query,
    ledger: (names) => sqliteLedger(query, names),
    close: async () => connection.close(),
  };
}

function givesRows(statement: ReturnType<Connection["prepare"]>, sql: string): boolean {
  const { reader } = statement;
  // better-sqlite3 has columns too, and refuses to tell them where there are none.
  if (reader !== undefined) return reader;
  return statement.columns === undefined ? GIVES_ROWS.test(sql) : statement.columns().length > 0;
}

const BUSY = 5;

/** Node's own gives SQLite's number, and the others its name. */
function withCode(error: unknown): unknown {
  const { errcode } = (error ?? {}) as { errcode?: number };
  // The low byte is the kind, and the rest its detail.
  if (error instanceof Error && ((errcode ?? 0) & 0xff) === BUSY)
    return Object.assign(error, { code: "SQLITE_BUSY" });
  return error;
}

/** A ledger for what takes one statement: the command line writes no operations. */
function sqliteLedger(query: Client["query"], names: LedgerNames): Ledger<unknown> {
  const database: Database<unknown> = {
    joined: false,
    run: ({ sql, values }) => query(sql, values),
    transaction: async () => {
      throw new Error("the command line's SQLite ledger runs single statements");
    },
    failure: (error) => {
      const { message, code } = error as Error & { code?: string };
      return sqliteFailure({ message, code }, names.table);
    },
  };
  const { settings } = checkedOptions<unknown>({});
  return new Ledger({ ...settings, database, dialect: sqliteDialect(names) });
}
