import type { EventListener, LedgerEvent } from "../../src/core/events.js";
import type { Ledger } from "../../src/core/ledger.js";
import type { Backoff } from "../../src/core/retry.js";

/** A client library that the fault tests run against: how to reach a ledger through it, and how to look behind it. */
export interface Target {
  readonly name: string;
  /** Opens a pool of its own, with a ledger over it. */
  open(url: string, options?: OpenOptions): Opened<unknown>;
  /** Creates the ledger and the tables that the scenarios write to. */
  prepare(url: string): Promise<Witness>;
}

export interface OpenOptions {
  readonly waitMs?: number;
  readonly responseMs?: number;
  readonly retentionMs?: number;
  readonly backoff?: Partial<Backoff>;
  readonly prepare?: "auto" | boolean;
  readonly poolMax?: number;
  /** Milliseconds after which the work's own statements are given up. */
  readonly workTimeoutMs?: number;
  readonly onEvent?: EventListener;
}

export interface Opened<Tx> {
  readonly ledger: Ledger<Tx>;
  /** Everything that the ledger reported. */
  readonly events: readonly LedgerEvent[];
  /** Adds one row for cell `n` to the table `effects`, inside the work's transaction. */
  effect(tx: Tx, n: number): Promise<void>;
  /** Runs one statement without parameters inside the work's transaction. */
  sql(tx: Tx, statement: string): Promise<readonly Record<string, unknown>[]>;
  /** Runs one statement without parameters on the pool, as the work should not. */
  sqlOnPool(statement: string): Promise<readonly Record<string, unknown>[]>;
  /** Runs `body` in a transaction of the caller's, and commits it. @throws {CallersError} begin or commit failed */
  joined<T>(
    body: (ledger: Ledger<Tx>, sql: (statement: string) => Promise<unknown>) => Promise<T>,
  ): Promise<T>;
  /** What is wrong with the pool now that no call is under way; undefined where nothing is. */
  leak(): string | undefined;
  close(): Promise<void>;
}

/** The caller's own BEGIN or COMMIT failed: no business of the ledger's. */
export class CallersError extends Error {}

export interface StoredRow {
  readonly state: number;
  readonly result: Buffer;
}

/** Looks at the database on a connection of its own, past proxies and ledgers. */
export interface Witness {
  /** Forgets what is there for cell `n` and sets up the rows that scenarios change. */
  seed(n: number): Promise<void>;
  /** How many committed row changes there were for cell `n`, as a trigger has counted them. */
  applied(n: number): Promise<number>;
  /** The sum of the cell's balances. */
  balance(n: number): Promise<number>;
  /** What was added to the account that serves as a counter. */
  counted(id: number): Promise<number>;
  stored(operation: string, key: string): Promise<StoredRow[]>;
  /** How many completed increments of a load the ledger holds under these keys. */
  increments(keys: readonly string[]): Promise<number>;
  /** Ledger rows in the state that no transaction may commit. */
  unfinished(): Promise<number>;
  query(statement: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}
