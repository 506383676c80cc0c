import type { IsolationLevel } from "../../src/index.js";

/** What a client × engine can do, as far as the suite's cases depend on it. */
export interface Capabilities {
  /** Calls made at once reach the database at once: false for a single connection. */
  readonly concurrent: boolean;
  /** Whether there can be another connection to the database than the client's own. */
  readonly connections: "many" | "one";
  /** A ledger can join a transaction that the caller began. */
  readonly within: boolean;
  /** `insertMany` and `incrementMany`. */
  readonly batches: boolean;
  readonly isolationLevels: readonly IsolationLevel[];
  /** What an aborted statement does to its transaction: abort it whole, or undo only itself. */
  readonly failedStatement: "aborts" | "undone";
  /** What a column of the type boolean comes back as. */
  readonly booleans: "boolean" | "number";
  /** What a point in time comes back as. */
  readonly dates: "Date" | "text";
  /** How many characters a name may have. */
  readonly nameCharactersMax: number;
  /** Whether an insert can be told what became of it where a trigger rewrites its natural key; else it is refused. */
  readonly rewrittenKey: { readonly single: boolean; readonly batch: boolean };
  /** What an operation comes to that another transaction committed since the snapshot of the one that it joins. */
  readonly beyondSnapshot: "refused" | "replayed";
  /** Whether waiting for another process's claim shows as the event `waited`. */
  readonly reportsWaiting: boolean;
  /** Whether a read-modify-write at REPEATABLE READ fails where another transaction changed the row since. */
  readonly refusesLostUpdates: boolean;
  /** Whether decimals are added exactly. */
  readonly exactNumbers: boolean;
  /** Whether several transactions can write at once. */
  readonly writers: "many" | "one";
  /** Whether joining a transaction that is over shows; else it would begin one of its own. */
  readonly noticesOver: boolean;
  /** Whether the fixture's ledger has the default schema and table names. */
  readonly ledgerName: "default" | "custom";
}

const POSTGRES: Capabilities = {
  concurrent: true,
  connections: "many",
  within: true,
  batches: true,
  isolationLevels: ["read committed", "repeatable read", "serializable"],
  failedStatement: "aborts",
  booleans: "boolean",
  dates: "Date",
  nameCharactersMax: 63,
  rewrittenKey: { single: true, batch: false },
  beyondSnapshot: "refused",
  reportsWaiting: true,
  refusesLostUpdates: true,
  exactNumbers: true,
  writers: "many",
  noticesOver: true,
  ledgerName: "default",
};

/** Without INSERT … RETURNING the inserted row is read by its key, so the key must be what was given. */
const MYSQL: Capabilities = {
  ...POSTGRES,
  failedStatement: "undone",
  booleans: "number",
  nameCharactersMax: 64,
  rewrittenKey: { single: false, batch: false },
  beyondSnapshot: "replayed",
  reportsWaiting: false,
  refusesLostUpdates: false,
};

const MARIADB: Capabilities = { ...MYSQL, rewrittenKey: { single: true, batch: true } };

/** One connection writes at a time, and a snapshot that is behind cannot write at all. */
const SQLITE: Capabilities = {
  ...POSTGRES,
  concurrent: false,
  isolationLevels: ["serializable"],
  failedStatement: "undone",
  booleans: "number",
  nameCharactersMax: 1_000,
  rewrittenKey: { single: false, batch: false },
  reportsWaiting: false,
  exactNumbers: false,
  writers: "one",
  noticesOver: false,
};

/** TypeORM makes dates of its columns' types, and the suite's tables are no entities. */
const TYPEORM_SQLITE: Capabilities = { ...SQLITE, dates: "text" };

/** The one table of expectations: a target that says otherwise of itself fails. */
export const CAPABILITIES = {
  "pg pool × PostgreSQL 15": POSTGRES,
  "pg pool × PostgreSQL 17": POSTGRES,
  "pg pool × PostgreSQL 18": POSTGRES,
  "pg client × PostgreSQL 15": { ...POSTGRES, concurrent: false },
  "pg pipeline × PostgreSQL 15": POSTGRES,
  "pg other names × PostgreSQL 15": { ...POSTGRES, ledgerName: "custom" },
  "pg partitioned × PostgreSQL 15": POSTGRES,
  "mysql2 pool × MariaDB 10.11": MARIADB,
  "mysql2 pool × MySQL 9.7": MYSQL,
  "mysql2 callback pool, no FOUND_ROWS × MariaDB 10.11": MARIADB,
  "mysql2 pool, no procedures × MySQL 9.7": MYSQL,
  "mysql2 other names × MySQL 9.7": { ...MYSQL, ledgerName: "custom" },
  "mysql2 connection × MySQL 9.7": { ...MYSQL, concurrent: false },
  "Prisma × PostgreSQL 15": POSTGRES,
  "Prisma × MariaDB 10.11": MARIADB,
  "Prisma × SQLite": SQLITE,
  "Prisma × SQLite, better-sqlite3": SQLITE,
  "Prisma × MySQL 9.7": MYSQL,
  "typeorm × PostgreSQL 15": POSTGRES,
  "typeorm × MariaDB 10.11": MARIADB,
  "typeorm × MySQL 9.7": MYSQL,
  "typeorm × SQLite, better-sqlite3": TYPEORM_SQLITE,
  "typeorm × SQLite, sql.js": { ...TYPEORM_SQLITE, connections: "one" },
} as const satisfies Record<string, Capabilities>;

export type TargetName = keyof typeof CAPABILITIES;
