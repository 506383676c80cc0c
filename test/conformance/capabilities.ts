import type { IsolationLevel } from "../../src/index.js";

/** What a client × engine can do, as far as the suite's cases depend on it. */
export interface Capabilities {
  /** Calls made at once reach the database at once: false for a single connection. */
  readonly concurrent: boolean;
  /** A ledger can join a transaction that the caller began. */
  readonly within: boolean;
  /** `insertMany` and `incrementMany`. */
  readonly batches: boolean;
  readonly isolationLevels: readonly IsolationLevel[];
  /** What an aborted statement does to its transaction: abort it whole, or undo only itself. */
  readonly failedStatement: "aborts" | "undone";
  /** Whether the fixture's ledger has the default schema and table names. */
  readonly ledgerName: "default" | "custom";
}

const POSTGRES: Capabilities = {
  concurrent: true,
  within: true,
  batches: true,
  isolationLevels: ["read committed", "repeatable read", "serializable"],
  failedStatement: "aborts",
  ledgerName: "default",
};

const MYSQL: Capabilities = { ...POSTGRES, failedStatement: "undone" };

/** The one table of expectations: a target that says otherwise of itself fails. */
export const CAPABILITIES = {
  "pg pool × PostgreSQL 15": POSTGRES,
  "pg pool × PostgreSQL 17": POSTGRES,
  "pg pool × PostgreSQL 18": POSTGRES,
  "pg client × PostgreSQL 15": { ...POSTGRES, concurrent: false },
  "pg pipeline × PostgreSQL 15": POSTGRES,
  "pg other names × PostgreSQL 15": { ...POSTGRES, ledgerName: "custom" },
  "pg partitioned × PostgreSQL 15": POSTGRES,
  "mysql2 pool × MariaDB 10.11": MYSQL,
  "mysql2 pool × MySQL 9.7": MYSQL,
} as const satisfies Record<string, Capabilities>;

export type TargetName = keyof typeof CAPABILITIES;
