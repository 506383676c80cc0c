import { type BatchOutcome, runBatch } from "./batch.js";
import { decodeResult } from "./codec.js";
import { Call, type LedgerContext } from "./context.js";
import { type LedgerRecord, type OperationStats, readStats } from "./dialect.js";
import { emit } from "./events.js";
import type { Row } from "./executor.js";
import { type OnceOptions, once } from "./once.js";
import { identify, type OperationRef } from "./operation.js";
import type { Outcome, WriteOutcome } from "./outcome.js";
import {
  type EraseOptions,
  type EraseProgress,
  erase,
  maintenance,
  type SweepOptions,
  type SweepProgress,
  sweep,
} from "./retention.js";
import { claimWrite, runWrite } from "./write.js";
import {
  type DeleteArgs,
  deleteWrite,
  type IncrementArgs,
  type InsertArgs,
  incrementWrite,
  insertWrite,
  type UpdateArgs,
  type UpsertArgs,
  updateWrite,
  upsertWrite,
  type Write,
} from "./writes.js";

/** A ledger row as `inspect` shows it. A key that is still running has no visible row. */
export interface InspectedOperation extends Omit<LedgerRecord, "result"> {
  /** Bytes that the stored result takes. */
  readonly resultBytes: number;
  /** Whether its stored result was erased; see `Ledger.erase`. */
  readonly erased: boolean;
  /** The stored result, decoded; for a bound write, its row as plain JSON. */
  readonly value: unknown;
}

/** The operation ledger in one database, reached through one client. */
export class Ledger<Tx> {
  readonly #context: LedgerContext<Tx>;

  /** @internal Adapters construct ledgers; see `createLedger`. */
  constructor(context: LedgerContext<Tx>) {
    this.#context = context;
  }

  /**
   * Runs `work` once per operation: the claim, everything that `work` does through `tx` and its result commit together,
   * and every later call with the same key gets the stored result. The work may run more than once where a deadlock or a
   * serialization failure rolled it back, so it must touch nothing but `tx`.
   *
   * @param operation who, what, which and with what; see {@link OperationRef}
   * @param work gets a handle on the transaction; what it returns is stored (JSON, bigint, Date, Uint8Array, decimals)
   * @returns the result decoded from its stored bytes, and whether it was executed now or replayed
   * @throws {InvalidOperationError} the operation's identity or payload cannot be used; nothing was sent
   * @throws {FingerprintMismatchError} same key, other payload; nothing ran
   * @throws {OperationInProgressError} another run holds the key for longer than `waitMs`
   * @throws {RolledBackError} the transaction did not commit; nothing was kept
   * @throws {ResultNotStorableError} the work's result has no stored form; rolled back
   * @throws {StoredFailureError} an earlier run failed, and `storeError` recorded that failure
   * @throws {OutcomeUnknownError} the connection broke around COMMIT and could not be resolved in time
   * @throws {LedgerSchemaError} the ledger's table is missing or outdated
   * @throws whatever `work` throws; rolled back, and the key may be tried again
   */
  once<T>(
    operation: OperationRef,
    work: (tx: Tx) => Promise<T> | T,
    options: OnceOptions = {},
  ): Promise<Outcome<T>> {
    return once(this.#context, operation, work, options);
  }

  /** Binds an operation to single writes. One operation is one write: each call below runs once per operation. */
  operation(operation: OperationRef): BoundOperation<Tx> {
    return new BoundOperation(this.#context, operation);
  }

  /**
   * Inserts many rows in one statement, each under an operation of its own. The outcomes come in the order given; an
   * operation named twice is executed once and replayed once.
   *
   * @param inserts 1 to 1,000 inserts into one table with the same columns
   * @returns per operation an outcome, or `refused` with its error; all that were not refused commit together
   * @throws {TypeError} the inserts differ in table or columns, or are too many
   */
  insertMany<R = Row>(inserts: readonly (OperationRef & InsertArgs)[]): Promise<BatchOutcome<R>[]> {
    return this.#many(inserts, insertManyWrite);
  }

  /**
   * Applies many logged increments in one statement, each under an operation of its own. Each outcome's row holds the
   * columns of `where` and `by` as that increment left them, in the order given.
   *
   * @param increments 1 to 1,000 increments of one table with the same columns
   */
  incrementMany<R = Row>(increments: readonly (OperationRef & IncrementArgs)[]): Promise<BatchOutcome<R>[]> {
    return this.#many(increments, incrementManyWrite);
  }

  /**
   * Removes operations past their retention, in bounded batches that skip locked rows. A key past its retention counts
   * as unseen whether or not it was swept, so sweeping only frees space.
   */
  async sweep(options: SweepOptions = {}): Promise<SweepProgress> {
    const startedAt = performance.now();
    const swept = await sweep(this.#context, options);
    emit(this.#context.onEvent, () => ({
      type: "swept",
      removed: swept.removed,
      durationMs: performance.now() - startedAt,
    }));
    return swept;
  }

  /** What the ledger holds of an operation; undefined where it holds nothing, or nothing committed yet. */
  async inspect(operation: OperationRef): Promise<InspectedOperation | undefined> {
    const { database, dialect, codec, retentionMs, responseMs } = this.#context;
    const identity = identify(operation, retentionMs);
    const call = new Call(this.#context, { ...identity, fingerprint: Buffer.alloc(0) });
    const found = await call.attempt(() => database.run(dialect.inspect(identity), responseMs));
    const [row] = found.rows;
    if (row === undefined) return undefined;
    const { result, ...record } = dialect.readRecord(row);
    const value = result === null ? undefined : decodeResult(result, codec);
    return { ...record, erased: result === null, resultBytes: result?.length ?? 0, value };
  }

  /**
   * Removes what the operations of a scope stored, and keeps their rows, so that none of them is executed again: a replay
   * throws {@link StoredResultErasedError}. Scope, operation and key stay readable until the row's retention ends. The whole
   * ledger is read, since it is indexed by operation.
   *
   * @throws {InvalidOperationError} the scope is empty or too long
   */
  async erase(options: EraseOptions): Promise<EraseProgress> {
    const startedAt = performance.now();
    const progress = await erase(this.#context, options);
    emit(this.#context.onEvent, () => ({
      type: "erased",
      scope: options.scope,
      erased: progress.erased,
      durationMs: performance.now() - startedAt,
    }));
    return progress;
  }

  /** What the ledger holds, per operation's name. The whole ledger is read. */
  async stats(): Promise<readonly OperationStats[]> {
    const { database, dialect, responseMs } = this.#context;
    const call = maintenance(this.#context, "stats");
    return readStats(await call.attempt(() => database.run(dialect.stats(), responseMs)));
  }

  async #many<A extends OperationRef, R>(
    given: readonly A[],
    write: (args: A) => Write,
  ): Promise<BatchOutcome<R>[]> {
    return runBatch<Tx, R>(this.#context, given, given.map(write));
  }
}

/** An operation bound to the writes that it can be. */
export class BoundOperation<Tx> {
  readonly #context: LedgerContext<Tx>;
  readonly #ref: OperationRef;

  /** @internal See `Ledger.operation`. */
  constructor(context: LedgerContext<Tx>, ref: OperationRef) {
    this.#context = context;
    this.#ref = ref;
  }

  /**
   * Inserts a row. With `conflict`, a row that already stands under that natural key is left alone and returned
   * (`effect: "unchanged"`); without it, the database's unique violation is thrown as it is.
   */
  insert<R = Row>(args: InsertArgs): Promise<WriteOutcome<R>> {
    return this.#run<R>(() => insertWrite(args));
  }

  /** Inserts a row, or updates the one that stands under `conflict`; the outcome's `effect` tells which. */
  upsert<R = Row>(args: UpsertArgs): Promise<WriteOutcome<R>> {
    return this.#run<R>(() => upsertWrite(args));
  }

  /**
   * Sets columns of one row; with `version`, only at that version, which it bumps by one.
   *
   * @throws {RowNotFoundError} no row matched `where`; not recorded
   * @throws {VersionConflictError} the row has another version; not recorded
   */
  update<R = Row>(args: UpdateArgs): Promise<WriteOutcome<R>> {
    return this.#run<R>(() => updateWrite(args));
  }

  /**
   * Adds to one or more columns of one row, once per operation however often it is retried.
   *
   * @throws {RowNotFoundError} no row matched `where`; not recorded
   */
  increment<R = Row>(args: IncrementArgs): Promise<WriteOutcome<R>> {
    return this.#run<R>(() => incrementWrite(args));
  }

  /** Deletes one row and returns it; where there was none, `effect` is `unchanged` and the value null. */
  delete<R = Row>(args: DeleteArgs): Promise<WriteOutcome<R | null>> {
    return this.#run<R | null>(() => deleteWrite(args));
  }

  /** What is wrong with the arguments rejects, as everything else does. */
  #run<R>(make: () => Write): Promise<WriteOutcome<R>> {
    try {
      const identity = identify(this.#ref, this.#context.retentionMs);
      const write = make();
      return runWrite<Tx, R>(this.#context, claimWrite(identity, this.#ref, write), write);
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

function insertManyWrite(args: OperationRef & InsertArgs): Write {
  const missing = args.conflict?.find((column) => args.values[column] === null);
  if (missing !== undefined) {
    throw new TypeError(
      `insertMany: natural key column "${missing}" must not be null, since nulls never conflict`,
    );
  }
  return insertWrite(args);
}

function incrementManyWrite(args: OperationRef & IncrementArgs): Write {
  const write = incrementWrite(args);
  if (Object.values(args.where).includes(null)) {
    throw new TypeError("incrementMany: `where` must not hold null, since rows are matched by equality");
  }
  const shared = Object.keys(args.by).find((column) => column in args.where);
  if (shared !== undefined)
    throw new TypeError(`incrementMany: \`where\` and \`by\` share column "${shared}"`);
  return write;
}
