import { readdirSync, readFileSync } from "node:fs";
import { quote as quoteMysql } from "../dialects/mysql/sql.js";
import { quote as quotePostgres } from "../dialects/postgres/sql.js";
import { quote as quoteSqlite } from "../dialects/sqlite/sql.js";
import { splitStatements } from "./statements.js";

/** Engines that the ledger's schema is shipped for, and what takes the place of the names in its SQL. */
const RENAME: Record<Engine, (sql: string, options: MigrationOptions) => string> = {
  postgres: renamedPostgres,
  mysql: renamedIn(quoteMysql),
  mariadb: renamedIn(quoteMysql),
  sqlite: renamedSqlite,
};

export type Engine = "postgres" | "mysql" | "mariadb" | "sqlite";

export interface MigrationOptions {
  /** The ledger's schema; `public` on PostgreSQL, `main` on SQLite and the connection's database elsewhere unless given. It must exist. */
  readonly schema?: string | undefined;
  /** The ledger's table; `opledger_operations` unless given. Indexes and functions are named after it. */
  readonly table?: string | undefined;
  /**
   * Daily partitions by the time in the operation's id, for PostgreSQL: keys must be UUIDv7 or ULIDs, or operations carry
   * `issuedAt`. Old days are dropped instead of swept.
   */
  readonly partitions?: boolean | undefined;
}

/** One step of the ledger's schema. Each is to be run as one transaction. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  /** SQL that takes the schema from the version before to this one. */
  readonly up: string;
  /** SQL that undoes `up`. The ledger's rows are lost with it. */
  readonly down: string;
  /** `up` as the engine's own command line takes it, with what it needs between the statements. */
  readonly upScript: string;
  readonly downScript: string;
  /** `up`, one statement after the other, for clients that take no more than one at a time. */
  readonly upStatements: readonly string[];
  readonly downStatements: readonly string[];
}

const FOLDER = new URL("../../migrations/", import.meta.url);
const FILE = /^(\d{4})_(\w+)\.up\.sql$/;

/**
 * The ledger's schema, step by step, oldest first: the SQL shipped in the package's `migrations` folder, with the names
 * asked for.
 *
 * @throws {TypeError} a name is not one that the engine keeps whole, or the engine has no partitions that fit
 */
export function ledgerMigrations(engine: Engine, options: MigrationOptions = {}): Migration[] {
  const folder = new URL(`${engine}/${variantFolder(engine, options)}`, FOLDER);
  const render = (file: string): string =>
    RENAME[engine](readFileSync(new URL(file, folder), "utf8"), options);
  return readdirSync(folder)
    .sort()
    .flatMap((file) => {
      const [, version, name] = FILE.exec(file) ?? [];
      if (version === undefined || name === undefined) return [];
      const upScript = render(file);
      const downScript = render(file.replace(".up.sql", ".down.sql"));
      const [upStatements, downStatements] = [splitStatements(upScript), splitStatements(downScript)];
      const [up, down] = [joined(upStatements), joined(downStatements)];
      const step = { version: Number(version), name, up, down, upScript, downScript };
      return [{ ...step, upStatements, downStatements }];
    });
}

function joined(statements: readonly string[]): string {
  return `${statements.join(";\n\n")};\n`;
}

function variantFolder(engine: Engine, { partitions }: MigrationOptions): string {
  if (partitions !== true) return "";
  if (engine === "postgres") return "partitioned/";
  throw new TypeError(
    `partitions are for PostgreSQL: ${engine} would take an id that is older than every partition for a new operation`,
  );
}

function renamedPostgres(
  sql: string,
  { schema = "public", table = "opledger_operations" }: MigrationOptions,
): string {
  return sql
    .replaceAll(`"public"`, () => quotePostgres(schema))
    .replaceAll(/"opledger_operations(\w*)"/g, (_, suffix: string) => quotePostgres(table + suffix));
}

/** Indexes and constraints belong to their table, and take no schema. */
function renamedIn(quote: (name: string) => string): (sql: string, options: MigrationOptions) => string {
  return (sql, { schema, table = "opledger_operations" }) =>
    sql.replaceAll(/`opledger_operations(\w*)`/g, (_, suffix: string) => {
      const name = quote(table + suffix);
      return schema === undefined || /_(?:idx|check)$/.test(suffix) ? name : `${quote(schema)}.${name}`;
    });
}

/** In an attached database it is the index that takes the schema, and never the table that it is on. */
function renamedSqlite(sql: string, { schema, table = "opledger_operations" }: MigrationOptions): string {
  return sql.replaceAll(/(ON )?`opledger_operations(\w*)`/g, (_, on: string | undefined, suffix: string) => {
    const name = quoteSqlite(table + suffix);
    return on === undefined && schema !== undefined ? `${quoteSqlite(schema)}.${name}` : `${on ?? ""}${name}`;
  });
}
