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
}

export interface ResultSet {
  readonly rows: readonly Row[];
  /** Rows that the statement inserted, changed or removed; for a query, rows it returned. */
  readonly affected: number;
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
 * - `rows-changed`: triggers made the rows of a batch other than it can account for
 * - `canceled`: the server's own timeout ended the statement
 * - `too-large`: a row takes more bytes than the ledger stores
 * - `not-ours`: at its end the transaction was aborted, or another one than we began
 * - `schema`: the ledger's table or a column of it is missing
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
  | "rows-changed"
  | "canceled"
  | "too-large"
  | "not-ours"
  | "schema"
  | "reprepare"
  | "unavailable"
  | "lost"
  | "unknown"
  | "other";

export interface Failure {
  readonly kind: FailureKind;
  /** Where kind is `duplicate`: the index refused a row of the ledger itself. */
  readonly ledger?: boolean;
}
