/**
 * The seam between the core and a client. An adapter turns its client into a {@link Database}; nothing else of a
 * driver or an ORM reaches the core.
 */

export type Row = Record<string, unknown>;

/** SQL with its bound values, made by a dialect and run by an executor. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly unknown[];
  /** The same for the same SQL, so that an adapter may prepare it under this name; absent where preparing would not pay. */
  readonly name?: string;
  /** Run in its place where a unique index refuses it; the refusal must leave the transaction usable. */
  readonly orElse?: Statement;
  /** How many rows it must affect: where it affects others, the transaction is not ours and must not commit. */
  readonly affects?: number;
  /** Milliseconds that it may wait for a lock where it is run alone; as long as the server likes unless given. */
  readonly waitMs?: number;
}

/**
 * A write of several statements, for engines that cannot put it in one. An adapter may send them in one round trip.
 * Where `prior` finds a row, nothing else is run, and nothing is written.
 */
export interface WriteScript {
  /** Finds the ledger row of an earlier run. Needs no transaction. */
  readonly prior: Statement;
  /** Finds the row that stands in the way, or that is to be removed. */
  readonly look?: Statement | undefined;
  /** Whether `look` takes locks, and so belongs in the transaction. */
  readonly lookLocks?: boolean | undefined;
  /** Run where `look` found a row. */
  readonly found?: Statement | undefined;
  /** Run where `look` found none, or where there is no `look`. */
  readonly absent?: Statement | undefined;
  /** Reads the row that the write left. */
  readonly row?: Statement | undefined;
  /** Reads, and locks, the row that the write was meant for; for a write that changed none. */
  readonly target?: Statement | undefined;
}

/** What a script's statements answered; empty where they did not run. */
export interface ScriptResults {
  readonly prior: ResultSet;
  readonly look: ResultSet;
  /** Of `found` or `absent`. */
  readonly effect: ResultSet;
  readonly row: ResultSet;
}

export interface ResultSet {
  readonly rows: readonly Row[];
  /** Rows that the statement inserted, changed or removed; for a query, rows it returned. */
  readonly affected: number;
  /** The columns' types, as the engine numbers them; absent where the client does not tell. */
  readonly types?: readonly number[];
}

export interface Executor {
  run(statement: Statement): Promise<ResultSet>;
}

export const ISOLATION_LEVELS = ["read committed", "repeatable read", "serializable"] as const;
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];

export interface TransactionPlan<Tx, T> {
  readonly isolationLevel?: IsolationLevel | undefined;
  /** Run right after BEGIN, in the same round trip where the client can. */
  readonly opening: readonly Statement[];
  /** Run in place of `opening`; the body gets its results in the order of {@link ScriptResults}. */
  readonly script?: WriteScript | undefined;
  /** Milliseconds that the opening, the script, the closing and the executor may wait for a lock; 0 fails at once. */
  readonly waitMs: number;
  /** Does the work, then says what to run right before COMMIT. */
  readonly body: (opened: readonly ResultSet[], tx: Tx, executor: Executor) => Promise<Closing<T>>;
  /** Milliseconds after which an unanswered opening or closing counts as lost. */
  readonly timeoutMs: number;
}

export interface Closing<T> {
  /** Must fail, and so spoil the COMMIT sent with it, where the transaction is no longer ours. */
  readonly closing: readonly Statement[];
  readonly value: T;
}

export interface Database<Tx> {
  /** True inside a transaction that the caller opened: it is the caller's to commit, to roll back and to retry. */
  readonly joined: boolean;
  /** Runs one statement as a transaction of its own, or inside a savepoint where `joined`. */
  run(statement: Statement, timeoutMs: number): Promise<ResultSet>;
  /** Learns what the server is, where the dialect's statements depend on it. */
  readonly ready?: ((timeoutMs: number) => Promise<void>) | undefined;
  /**
   * Opens a transaction (a savepoint where `joined`), runs `opening`, the body and `closing`, and commits. Resolves only
   * where the server has said that it committed.
   */
  transaction<T>(plan: TransactionPlan<Tx, T>): Promise<T>;
  /** What an error thrown by this database, or by work that uses it, means. */
  failure(error: unknown): Failure;
}

/**
 * What went wrong, in the terms the core acts on:
 * - `conflict`: serialization failure or deadlock; the transaction was rolled back
 * - `duplicate`: a unique index refused the statement
 * - `locked`: a lock was not granted in time
 * - `many-rows`: a write that must concern one row concerned several
 * - `row-lost`: the row that a write left could not be read back
 * - `rows-changed`: triggers made the rows of a batch other than it can account for
 * - `canceled`: the server's own timeout ended the statement
 * - `too-large`: a row takes more bytes than the ledger stores
 * - `not-ours`: at its end the transaction was aborted, or another one than we began; nothing was committed
 * - `ended`: the work ended the transaction itself, so that part of it may have been committed
 * - `schema`: the ledger's table or a column of it is missing
 * - `read-only`: the server or the transaction takes no writes, as a standby does
 * - `unplaced`: no partition of the ledger takes the operation's row
 * - `reprepare`: a prepared statement was refused; sent another way the statement can run
 * - `unavailable`: no connection was to be had; nothing was sent
 * - `lost`: the connection broke before COMMIT was sent; nothing was committed
 * - `unknown`: the connection broke where the server may have committed
 * - `other`: anything else, such as the caller's own error
 */
export type FailureKind =
  | "conflict"
  | "duplicate"
  | "locked"
  | "many-rows"
  | "row-lost"
  | "rows-changed"
  | "canceled"
  | "too-large"
  | "not-ours"
  | "ended"
  | "schema"
  | "read-only"
  | "unplaced"
  | "reprepare"
  | "unavailable"
  | "lost"
  | "unknown"
  | "other";

export interface Failure {
  readonly kind: FailureKind;
  /** Where kind is `duplicate`: the index refused a row of the ledger itself. */
  readonly ledger?: boolean;
  /** Another try would wait as long, and come to the same. */
  readonly final?: boolean;
}
