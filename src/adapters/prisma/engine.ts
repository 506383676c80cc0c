import type { Dialect } from "../../core/dialect.js";
import type { Failure, Statement } from "../../core/executor.js";
import { endsTransaction as endsMysql } from "../../dialects/mysql/control.js";
import { ERRNO, mysqlFailure } from "../../dialects/mysql/failure.js";
import { mysqlDialect, probe, TRAITS } from "../../dialects/mysql/index.js";
import type { Traits } from "../../dialects/mysql/traits.js";
import { endsTransactionAnywhere as endsPostgres } from "../../dialects/postgres/control.js";
import { postgresFailure } from "../../dialects/postgres/failure.js";
import { postgresDialect } from "../../dialects/postgres/index.js";
import { endsTransaction as endsSqlite } from "../../dialects/sqlite/control.js";
import { sqliteFailure } from "../../dialects/sqlite/failure.js";
import { sqliteDialect, takeWriteLock } from "../../dialects/sqlite/index.js";
import type { DriverCause } from "./failure.js";
import type { PrismaMetadata } from "./metadata.js";

/** One database engine, as a Prisma client reaches it. */
export interface Engine {
  readonly provider: PrismaMetadata["provider"];
  readonly dialect: Dialect;
  failure(cause: DriverCause): Failure;
  endsTransaction(sql: string): boolean;
  /** Whether an error has undone more of the transaction than its own statement, whatever the work makes of it. */
  poisons(cause: DriverCause): boolean;
  /** Whether a failed statement leaves its transaction aborted, so that nothing else can be done in it. */
  readonly abortsWhole: boolean;
  /** Run first in a transaction that is to write. */
  readonly begin: Statement | undefined;
  /** Whether a savepoint is taken without a word where there is no transaction, and only going back to it tells. */
  readonly marksAnywhere: boolean;
  /** Whether whoever finds a lock taken is told so at once, by drivers that would block the process if they waited. */
  readonly refusesToWait: boolean;
  /** Marks the transaction, so that it can be told whether it is still ours. */
  readonly canary: boolean;
  /** What the server is, where the statements depend on it. */
  readonly version:
    | { readonly sql: string; read(text: string): void; readonly known: () => boolean }
    | undefined;
  /** The statement with a bound on its own lock waits, where the engine can say so in it. */
  bounded(statement: Statement, waitMs: number): Statement;
  /** What bounds the session's lock waits, and what sets them back; undefined where that is not needed. */
  lockWaits(waitMs: number): { readonly limit: Statement; readonly restore: Statement } | undefined;
  /** Fails where the ledger's table lacks a column; where the server's errors do not say of which table a column is. */
  readonly probe: Statement | undefined;
}

export interface EngineOptions {
  readonly schema: string | undefined;
  readonly table: string;
}

/** @throws {TypeError} opledger does not speak the provider's SQL */
export function engineOf(provider: unknown, options: EngineOptions): Engine {
  switch (provider) {
    case "postgresql":
      return postgres(options);
    case "mysql":
      return mysql(options);
    case "sqlite":
      return sqlite(options);
    default:
      throw new TypeError(
        `opledger works with the providers postgresql, mysql and sqlite, and this client's is ${JSON.stringify(provider)}`,
      );
  }
}

const unbounded = (statement: Statement): Statement => statement;

function postgres({ schema = "public", table }: EngineOptions): Engine {
  return {
    provider: "postgresql",
    dialect: postgresDialect({ schema, table, answer: "text" }),
    // The driver adapter passes the table's name on, and not its schema.
    failure: ({ code = "", message, table: at }) =>
      postgresFailure(
        { state: code, message, table: at, schema: at === table ? schema : undefined },
        { schema, table },
      ),
    endsTransaction: endsPostgres,
    poisons: () => false,
    abortsWhole: true,
    begin: undefined,
    marksAnywhere: false,
    refusesToWait: false,
    canary: false,
    version: undefined,
    bounded: unbounded,
    lockWaits: () => undefined,
    probe: undefined,
  };
}

/** Errors after which the transaction, or a part of it, is gone. */
const POISON: ReadonlySet<number> = new Set([
  ERRNO.deadlock,
  ERRNO.lockWaitTimeout,
  ERRNO.lockNowait,
  ERRNO.recordChanged,
  ERRNO.rolledBackByPlugin,
  ERRNO.errorDuringCommit,
  ERRNO.unknownCommand,
]);

function mysql({ schema, table }: EngineOptions): Engine {
  let traits: Traits | undefined;
  const known = (): Traits => traits ?? TRAITS.mysql;
  return {
    provider: "mysql",
    dialect: mysqlDialect({ schema, table, traits: known }),
    failure: ({ code, message }) => mysqlFailure({ errno: Number(code), message }, table),
    endsTransaction: endsMysql,
    poisons: ({ code }) => POISON.has(Number(code)),
    abortsWhole: false,
    begin: undefined,
    marksAnywhere: true,
    refusesToWait: false,
    canary: true,
    version: {
      sql: "SELECT VERSION() AS version",
      read: (text) => {
        traits = /mariadb/i.test(text) ? TRAITS.mariadb : TRAITS.mysql;
      },
      known: () => traits !== undefined,
    },
    bounded: (statement, waitMs) => {
      if (!known().boundsStatements) return statement;
      return {
        ...statement,
        sql: `SET STATEMENT innodb_lock_wait_timeout = ${Math.ceil(waitMs / 1_000)} FOR ${statement.sql}`,
      };
    },
    lockWaits: (waitMs) => (known().boundsStatements ? undefined : sessionWaits(waitMs, known())),
    probe: probe({ schema, table }),
  };
}

function sessionWaits(waitMs: number, { waitSecondsMin }: Traits): { limit: Statement; restore: Statement } {
  const seconds = Math.max(waitSecondsMin, Math.ceil(waitMs / 1_000));
  const setting = "innodb_lock_wait_timeout";
  return {
    limit: {
      sql: `SET @opledger_wait = @@SESSION.${setting}, SESSION ${setting} = ${seconds}`,
      values: [],
    },
    restore: { sql: `SET SESSION ${setting} = @opledger_wait`, values: [] },
  };
}

/** Names of the extended result codes that the failure depends on. */
const BUSY = 5;
const BUSY_SNAPSHOT = 517;

function sqlite({ schema, table }: EngineOptions): Engine {
  return {
    provider: "sqlite",
    dialect: sqliteDialect({ schema, table }),
    failure: ({ code = "", message }) => sqliteFailure({ message, code: codeName(code) }, table),
    endsTransaction: endsSqlite,
    poisons: () => false,
    abortsWhole: false,
    // Prisma's transactions begin as readers.
    begin: takeWriteLock({ schema, table }),
    marksAnywhere: false,
    refusesToWait: true,
    canary: true,
    version: undefined,
    bounded: unbounded,
    lockWaits: () => undefined,
    probe: undefined,
  };
}

/** Drivers tell the code by its number, or by its name. */
function codeName(code: string): string | undefined {
  if (code.startsWith("SQLITE_")) return code;
  if (Number(code) === BUSY_SNAPSHOT) return "SQLITE_BUSY_SNAPSHOT";
  return (Number(code) & 0xff) === BUSY ? "SQLITE_BUSY" : undefined;
}
