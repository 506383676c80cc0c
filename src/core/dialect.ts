import type { ResultSet, Row, Statement, WriteScript } from "./executor.js";
import type { Operation } from "./operation.js";
import type { Effect } from "./outcome.js";
import type { Entries, Write } from "./writes.js";

/** What a dialect needs to know of an operation to write its ledger row. */
export interface ClaimedOperation extends Operation {
  readonly fingerprint: Buffer;
}

export interface WaitOptions {
  /** Milliseconds that a lock may be waited for; 0 fails at once. */
  readonly waitMs: number;
}

export interface ClaimOptions extends WaitOptions {
  /** An earlier run is unlikely: the dialect may leave open what it left. */
  readonly fresh: boolean;
}

export interface BatchOptions extends WaitOptions {
  /** Columns whose values are stored, and returned, as null. */
  readonly redact: readonly string[];
  /** The transaction is the caller's, and must be left with the settings it had. */
  readonly joined: boolean;
}

export interface WriteOptions extends BatchOptions, ClaimOptions {
  /** The first time that this call asks: the dialect may leave open what few writes come to. */
  readonly first: boolean;
}

/** How the ledger answers an attempt to claim an operation. */
export type Claim =
  | { readonly status: "claimed"; readonly token: string }
  | { readonly status: "completed" | "failed"; readonly result: Uint8Array }
  | { readonly status: "mismatch" }
  /** It was executed, and what it stored was erased since. */
  | { readonly status: "erased" }
  /** The row is past its retention; forget it and claim again. */
  | { readonly status: "expired" }
  /** A concurrent transaction decided since this statement's snapshot was taken; claim again. */
  | { readonly status: "recheck" }
  /** A committed claim whose work never finished: its transaction was ended from inside. */
  | { readonly status: "unfinished" }
  /** A fresh operation that had an earlier run all the same; claim again to hear of it. */
  | { readonly status: "open" };

/** How the database answers a bound write. */
export type WriteAnswer =
  | {
      readonly status: "executed" | "replayed";
      readonly effect: Effect;
      readonly row: Row;
      /** The row is the one that the write returned, and a replay may read another form of it out of what is stored. */
      readonly unlikeStored?: boolean;
    }
  | { readonly status: "version-conflict"; readonly actual: number | bigint | null }
  | { readonly status: "mismatch" | "erased" | "not-found" | "expired" | "recheck" }
  /** A statement that was the call's first wrote nothing and found nothing; ask by one that can say why. */
  | { readonly status: "open" };

export interface LedgerRecord {
  readonly id: string;
  readonly scope: string;
  readonly operation: string;
  readonly key: string;
  readonly fingerprint: Uint8Array;
  readonly status: "completed" | "failed";
  readonly result: Uint8Array | null;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly expired: boolean;
}

/** What the ledger holds of one operation's name. */
export interface OperationStats {
  readonly operation: string;
  readonly completed: number;
  /** Failures that `storeError` made final. */
  readonly failed: number;
  /** Claims that were committed without a result: their key is blocked until somebody looks. */
  readonly unfinished: number;
  /** Rows past their retention that no sweep has removed yet. */
  readonly expired: number;
  /** Rows whose retention ends within a day. */
  readonly expiring: number;
  readonly oldest: Date;
  /** Bytes of the stored results. */
  readonly resultBytes: number;
}

export interface BatchEntry {
  readonly operation: ClaimedOperation;
  readonly write: Write;
}

/** Turns what the core wants into one engine's SQL, and reads the answers. Pure: it runs nothing. */
export type Dialect = OneStatementDialect | ScriptDialect;

/** Statements about many operations at once. */
export interface MaintenanceDialect {
  /** Counts, one row per operation's name. */
  stats(): Statement;
  /** Up to `limit` rows of a scope that hold a result, in the order of their ids, each `id` after `after`. */
  resultsOf(scope: string, after: string, limit: number): Statement;
  /** Removes the results of rows found by `resultsOf`, and keeps the rows. */
  erase(ids: readonly string[]): Statement;
}

interface CommonDialect extends MaintenanceDialect {
  /** The command that brings the ledger's schema up to date; part of `LedgerSchemaError`'s message. */
  readonly migrateCommand: string;

  claim(operation: ClaimedOperation, options: ClaimOptions): Statement;
  readClaim(result: ResultSet): Claim;
  /**
   * Reads the row of an operation that is likely to be there; answers as `claim` does, or with no row. By locking, as it is
   * committed now whatever the transaction's snapshot.
   */
  recall(operation: ClaimedOperation, options?: { readonly locking: boolean }): Statement;
  /** Stores the result; fails unless the claim with this token is still uncommitted and ours. */
  complete(operation: Operation, token: string, status: "completed" | "failed", result: Buffer): Statement;
  /** Marks the point that a failed work is rolled back to, keeping the claim. */
  readonly markWork: Statement;
  readonly undoWork: Statement;

  /** Locks the row that equals these columns; absent where a writer has the whole database to itself. */
  readonly lock?: ((table: readonly string[], where: Entries) => Statement) | undefined;
  /** Removes the operation's row if it is past its retention. */
  forget(operation: Operation, options: WaitOptions): Statement;
  /** Removes up to `limit` rows past their retention, skipping locked ones. */
  sweep(limit: number): Statement;
  inspect(operation: Operation): Statement;
  readRecord(row: Row): LedgerRecord;
}

/** An engine that claims, writes and records in one statement. */
export interface OneStatementDialect extends CommonDialect {
  readonly singleStatementWrites: true;
  write(operation: ClaimedOperation, write: Write, options: WriteOptions): Statement;
  readWrite(result: ResultSet, write: Write): WriteAnswer;
  /** Reads the row of a bound write that is likely to be there; answers as `write` does, or with no row. */
  recallWrite(operation: ClaimedOperation, write: Write): Statement;
  /** One statement for many writes of one shape, in the order of `entries`, whose operations are distinct. */
  writeMany(entries: readonly BatchEntry[], options: BatchOptions): Statement;
  readWriteMany(result: ResultSet, count: number): readonly WriteAnswer[];
}

/** The columns of a table's primary key. */
export interface TableKey {
  readonly columns: readonly string[];
  /** The column that the engine numbers by itself, where it is part of the key. */
  readonly numbered: string | undefined;
}

export interface ScriptOptions {
  /** The table's key, where `needsKey` asked for it. */
  readonly key: TableKey | undefined;
  /** Read what is committed now, by locking: an older snapshot may be in force. */
  readonly locking: boolean;
  /** The operation's own row is known to stand, so that it, too, is read by locking. */
  readonly raced: boolean;
}

/** An engine that needs a transaction of several statements to claim, write and record. */
export interface ScriptDialect extends CommonDialect {
  readonly singleStatementWrites: false;
  script(operation: ClaimedOperation, write: Write, options: ScriptOptions): WriteScript;
  readRecall(result: ResultSet): Recalled | undefined;
  /** Inserts the operation's row, completed; refused as a duplicate where another run was faster. */
  record(operation: ClaimedOperation, result: Buffer): Statement;
  recallMany(operations: readonly ClaimedOperation[]): Statement;
  /** By the operation's `keyHash`. */
  readRecallMany(result: ResultSet): ReadonlyMap<string, Recalled>;
  recordMany(records: readonly LedgerRow[]): Statement;
  /** Reads the rows that writes of one shape are meant for, each with the position of its write. */
  targetsOf(writes: readonly Write[], options: { readonly locking: boolean }): Statement;
  insertMany(writes: readonly InsertWrite[]): Statement;
  /** Reads what `insertMany` made, where it does not return it itself. */
  madeRows(writes: readonly InsertWrite[], key: TableKey | undefined): Statement;
  /** Adds the amounts of each group to the one row that the group is meant for. */
  addMany(groups: readonly (readonly IncrementWrite[])[]): Statement;
  /** Whether the row that this write leaves can be read only by its table's key. */
  needsKey(write: Write): boolean;
  describe(table: readonly string[]): Statement;
  readKey(result: ResultSet): TableKey;
}

export type InsertWrite = Extract<Write, { readonly verb: "insert" }>;
export type IncrementWrite = Extract<Write, { readonly verb: "increment" }>;

/** A completed operation that is to be recorded. */
export interface LedgerRow {
  readonly operation: ClaimedOperation;
  readonly result: Buffer;
}

/** Reads the counts of `stats`, which come as text or as numbers. */
export function readStats({ rows }: ResultSet): readonly OperationStats[] {
  return rows.map((row) => ({
    operation: String(row.operation),
    completed: Number(row.completed),
    failed: Number(row.failed),
    unfinished: Number(row.unfinished),
    expired: Number(row.expired),
    expiring: Number(row.expiring),
    oldest: new Date(Number(row.oldest_ms)),
    resultBytes: Number(row.bytes),
  }));
}

/** What the ledger holds of an operation. */
export type Recalled = Exclude<Claim, { readonly status: "claimed" | "open" }>;
