import type { CodecOptions } from "./codec.js";
import type { ClaimedOperation, Dialect } from "./dialect.js";
import {
  FingerprintMismatchError,
  type OperationSummary,
  OpledgerError,
  OutcomeUnknownError,
  StoredResultErasedError,
} from "./errors.js";
import { type EventListener, emit, type LedgerEvent } from "./events.js";
import type { Database, Failure, FailureKind } from "./executor.js";
import type { Flights } from "./flights.js";
import { isFresh, type OperationRef, summarize } from "./operation.js";
import type { Recent } from "./recent.js";
import { type Backoff, fullJitterMs, pause } from "./retry.js";
import { RefusedWrite } from "./script.js";
import { translate } from "./translate.js";

/** Everything that one ledger's calls share. */
export interface LedgerContext<Tx> {
  readonly database: Database<Tx>;
  readonly dialect: Dialect;
  readonly retentionMs: number;
  readonly waitMs: number;
  /** Milliseconds, beyond `waitMs`, that the server may take to answer one of the ledger's own statements. */
  readonly responseMs: number;
  readonly backoff: Backoff;
  readonly codec: CodecOptions;
  readonly onEvent: EventListener | undefined;
  readonly storeError: ((error: unknown, operation: OperationRef) => unknown) | undefined;
  readonly flights: Flights;
  readonly recent: Recent;
}

/** What is tried again without a pause, since nothing of it can happen twice. */
const AT_ONCE: ReadonlySet<FailureKind> = new Set(["duplicate", "reprepare"]);

/** An error thrown by the caller's own work: passed on as it is, unless the whole transaction is worth another try. */
export class WorkFailure extends Error {
  constructor(readonly thrown: unknown) {
    super("the work failed", { cause: thrown });
  }
}

/** One call of the ledger, from its first attempt to its last. */
export class Call<Tx> {
  readonly #startedAt = performance.now();
  attempts = 0;
  /** Whether an earlier attempt was refused because a concurrent run had recorded the operation: its row stands. */
  raced = false;
  #unknown = false;

  constructor(
    readonly context: LedgerContext<Tx>,
    readonly operation: ClaimedOperation,
    /** Where one statement is to write several operations, all of them. */
    readonly operations: readonly ClaimedOperation[] = [operation],
  ) {}

  /**
   * Runs attempts until one ends, or until its failure is not worth another.
   *
   * A race is lost as a unique violation of the ledger's index, which undoes the statement; run again it replays. Any
   * other unique violation gets a second run too, since a partition reports an index of its own, but only one.
   */
  async attempt<T>(run: () => Promise<T>): Promise<T> {
    const { database, backoff } = this.context;
    let otherDuplicates = 0;
    for (;;) {
      this.attempts += 1;
      try {
        const value = await run();
        if (this.#unknown) this.emit("resolved");
        return value;
      } catch (caught) {
        const fromWork = caught instanceof WorkFailure;
        const error = fromWork ? caught.thrown : caught;
        const failure = error instanceof RefusedWrite ? error : database.failure(error);
        if (fromWork && failure.kind !== "conflict" && failure.kind !== "lost") throw error;
        if (failure.kind === "unknown") {
          this.#unknown = true;
          this.emit("unknown");
        }
        if (failure.kind === "duplicate") {
          if (failure.ledger === true) this.#lostRace();
          else otherDuplicates += 1;
        }
        if (otherDuplicates > 1 || !this.#worthRetrying(failure)) throw this.#translate(failure, error);
        const delayMs = AT_ONCE.has(failure.kind) ? 0 : fullJitterMs(this.attempts, backoff);
        this.#retried(delayMs, failure.kind);
        if (delayMs > 0) await pause(delayMs);
      }
    }
  }

  /** What stands now did not when this call looked for it. */
  #lostRace(): void {
    this.raced = true;
    this.emit("waited");
  }

  /** Whether a plain read is likely to be enough. */
  get isRecent(): boolean {
    return !this.context.database.joined && this.context.recent.has(this.operation.id);
  }

  /** Whether an earlier run is so unlikely that a look for what it left would rarely find anything. */
  get isFresh(): boolean {
    return this.attempts <= 1 && isFresh(this.operation);
  }

  emit(type: "waited" | "mismatch" | "conflict" | "unknown" | "resolved"): void {
    this.#event((base) => ({ type, ...base }));
  }

  ended(type: "executed" | "replayed"): void {
    // In the caller's transaction nothing has committed yet.
    if (!this.context.database.joined) this.context.recent.add(this.operation.id);
    this.#event((base) => ({ type, attempts: this.attempts, ...base }));
  }

  mismatch(hint: string): FingerprintMismatchError {
    this.emit("mismatch");
    return new FingerprintMismatchError(
      `Operation ${this.label} was used before with another payload. Nothing ran. ` +
        `Use a new key for a new intent, or send the first payload again.${hint}`,
      { operation: this.summary },
    );
  }

  /** The effect stands, so running again would double it; what it answered is gone. */
  erased(): StoredResultErasedError {
    return new StoredResultErasedError(
      `Operation ${this.label} was executed before, and its stored result was erased since. Nothing ran again. ` +
        "Read its effect from your own tables; use a new key for a new intent.",
      { operation: this.summary },
    );
  }

  /** A claim that was committed without its result must never be executed again unnoticed. */
  unfinished(): OutcomeUnknownError {
    return new OutcomeUnknownError(
      `Operation ${this.label} was claimed, and that claim is in the ledger without a result: either it is this very ` +
        "transaction that is running it, or an earlier run's work ended its own transaction. Nothing ran now. Check the " +
        "effect, and remove the ledger's row in state 0 by hand.",
      { operation: this.summary },
    );
  }

  get label(): string {
    return JSON.stringify(this.operation.operation);
  }

  get summary(): OperationSummary {
    return summarize(this.operation);
  }

  get durationMs(): number {
    return performance.now() - this.#startedAt;
  }

  #event(make: (base: { operation: OperationSummary; durationMs: number }) => LedgerEvent): void {
    if (this.context.onEvent === undefined) return;
    emit(this.context.onEvent, () => make({ operation: this.summary, durationMs: this.durationMs }));
  }

  #retried(delayMs: number, reason: string): void {
    this.#event((base) => ({ type: "retried", attempt: this.attempts, delayMs, reason, ...base }));
  }

  #worthRetrying({ kind, final }: Failure): boolean {
    const { database, backoff } = this.context;
    if (final === true || this.attempts >= backoff.attemptsMax) return false;
    if (AT_ONCE.has(kind)) return true;
    if (database.joined) return false;
    // A server that is restarting refuses connections for a while; what became of the operation is still to be found out.
    if (kind === "unavailable") return this.#unknown;
    return kind === "conflict" || kind === "lost" || kind === "unknown";
  }

  #translate(failure: Failure, error: unknown): unknown {
    // An answer of the ledger itself settles what became of the earlier attempt; an error of the database does not.
    const unresolved = this.#unknown && !(error instanceof OpledgerError);
    const { database, dialect, waitMs } = this.context;
    return translate(unresolved ? { kind: "unknown" } : failure, error, {
      operation: this.summary,
      operations: this.operations,
      attempts: this.attempts,
      joined: database.joined,
      waitMs,
      migrateCommand: dialect.migrateCommand,
    });
  }
}
