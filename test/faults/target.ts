import type { EventListener, LedgerEvent } from "../../src/core/events.js";
import type { Ledger } from "../../src/core/ledger.js";
import type { Backoff } from "../../src/core/retry.js";
import type { Engine } from "../servers/types.js";

/** A client library that the fault tests run against: how to reach a ledger through it, and how to look behind it. */
export interface Target {
  readonly name: string;
  readonly engine: Engine;
  readonly speech: Speech;
  /** Opens a pool of its own, with a ledger over it. */
  open(url: string, options?: OpenOptions): Opened<unknown>;
  /** Creates the ledger and the tables that the scenarios write to. */
  prepare(url: string): Promise<Meddler>;
}

/** What only one engine understands: how it is asked to make a fault itself. */
export interface Speech {
  /** Fails as a statement does that lost to a concurrent transaction. */
  readonly conflict: string;
  /** Ends a session whose transaction is idle for longer than `limitMs`. */
  readonly idleTimeout: { readonly settings: Settings; readonly limitMs: number };
  /** Ends the slow statement, and says so with `code`; `slow(0)` is the same statement in no time. */
  readonly statementTimeout: {
    readonly settings: Settings;
    readonly code: string;
    slow(seconds: number): string;
  };
}

/** Of a session, by the server's own names. */
export type Settings = Readonly<Record<string, string>>;

export interface OpenOptions {
  readonly waitMs?: number;
  readonly responseMs?: number;
  readonly retentionMs?: number;
  readonly backoff?: Partial<Backoff>;
  readonly prepare?: "auto" | boolean;
  readonly poolMax?: number;
  /** Milliseconds after which the work's own statements are given up. */
  readonly workTimeoutMs?: number;
  /** Of this pool's sessions. */
  readonly settings?: Settings;
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
  /** Opens that many connections of the pool, and gives them back. */
  warm(connections: number): Promise<void>;
  /** What is wrong with the pool now that no call is under way; undefined where nothing is. */
  leak(): Promise<string | undefined>;
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

/** A witness who also does what time and administrators do. */
export interface Meddler extends Witness {
  /** The keys of a scope that the ledger holds, sorted. */
  keys(scope: string): Promise<string[]>;
  /** Moves a key past its retention, as time would. */
  expire(scope: string, key: string): Promise<void>;
  /** Ends connections to this database other than its own: all of them, or as many, chosen at random. @returns how many */
  kill(atMost?: number): Promise<number>;
  /** Ends the connections that wait for a lock. @returns how many */
  killWaiting(): Promise<number>;
}
