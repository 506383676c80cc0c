import { type CodecOptions, RESULT_BYTES_MAX } from "./codec.js";
import type { ClaimedOperation, Dialect } from "./dialect.js";
import {
  FingerprintMismatchError,
  LedgerSchemaError,
  OperationInProgressError,
  type OperationSummary,
  OutcomeUnknownError,
  ResultNotStorableError,
  RolledBackError,
} from "./errors.js";
import { type EventListener, emit, type LedgerEvent } from "./events.js";
import type { Database, Failure, FailureKind } from "./executor.js";
import type { Flights } from "./flights.js";
import { type OperationRef, summarize } from "./operation.js";
import { type Backoff, fullJitterMs, pause } from "./retry.js";
import { RefusedWrite } from "./script.js";

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
}

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
  #unknown = false;

  constructor(
    readonly context: LedgerContext<Tx>,
    readonly operation: ClaimedOperation,
  ) {}

  /**
   * Runs attempts until one ends, or until its failure is not worth another.
   *
   * @param once a kind of failure that is tried a second time, and no more
   */
  async attempt<T>(run: () => Promise<T>, once?: FailureKind): Promise<T> {
    const { database, backoff } = this.context;
    let spent = false;
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
        const again = failure.kind === once && !spent;
        if (again) spent = true;
        else if (!this.#worthRetrying(failure)) throw this.#translate(failure, error);
        const delayMs = again || failure.kind === "reprepare" ? 0 : fullJitterMs(this.attempts, backoff);
        this.#retried(delayMs, failure.kind);
        if (delayMs > 0) await pause(delayMs);
      }
    }
  }

  emit(type: "waited" | "mismatch" | "conflict" | "unknown" | "resolved"): void {
    this.#event((base) => ({ type, ...base }));
  }

  ended(type: "executed" | "replayed"): void {
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
    emit(this.context.onEvent, () => make({ operation: this.summary, durationMs: this.durationMs }));
  }

  #retried(delayMs: number, reason: string): void {
    this.#event((base) => ({ type: "retried", attempt: this.attempts, delayMs, reason, ...base }));
  }

  #worthRetrying({ kind, ledger }: Failure): boolean {
    const { database, backoff } = this.context;
    if (this.attempts >= backoff.attemptsMax) return false;
    if (kind === "reprepare") return true;
    if (database.joined) return false;
    // A batch may meet another of its operations' concurrent runs each time.
    if (kind === "duplicate") return ledger === true;
    // A server that is restarting refuses connections for a while; what became of the operation is still to be found out.
    if (kind === "unavailable") return this.#unknown;
    return kind === "conflict" || kind === "lost" || kind === "unknown";
  }

  #translate(failure: Failure, error: unknown): unknown {
    const details = { operation: this.summary, cause: error };
    const unresolved = this.#unknown && failure.kind !== "other";
    if (unresolved || failure.kind === "unknown") {
      return new OutcomeUnknownError(
        `The connection broke while operation ${this.label} was being committed, and what became of it could not be ` +
          "found out in time. Run it again with the same key: it replays if it was committed, and executes if it was not.",
        details,
      );
    }
    return this.#translateKnown(failure, error, details);
  }

  #translateKnown(
    failure: Failure,
    error: unknown,
    details: { operation: OperationSummary; cause: unknown },
  ): unknown {
    switch (failure.kind) {
      case "conflict":
      case "lost":
        return new RolledBackError(
          `Operation ${this.label} was rolled back${this.#often} and nothing of it was kept. ${this.#whoRetries}`,
          details,
        );
      case "duplicate":
        if (failure.ledger !== true) return error;
        return new RolledBackError(
          `Operation ${this.label} was committed by another transaction that this one's snapshot cannot see. ${this.#whoRetries}`,
          details,
        );
      case "locked":
        return new OperationInProgressError(
          `Operation ${this.label}, or a row that it writes, stayed locked by another transaction for longer than ` +
            `${this.context.waitMs} ms. Nothing of this attempt was kept. Try again later with the same key.`,
          { ...details, retryAfterMs: Math.max(this.context.waitMs, 1_000) },
        );
      case "many-rows":
        return new TypeError(
          `Operation ${this.label}: \`where\` matched more than one row. Nothing was written. A bound write concerns one row; ` +
            "name its key in `where`, or write many rows inside `once`.",
          { cause: error },
        );
      case "row-lost":
        return new TypeError(
          `Operation ${this.label}: the row could not be read back after it was written, so everything was rolled back. ` +
            "Give the columns of the table's primary key in `values`, and leave the columns of `where` to the update.",
          { cause: error },
        );
      case "too-large":
        return new ResultNotStorableError(
          `The row of operation ${this.label} takes more than the ${RESULT_BYTES_MAX} bytes that the ledger stores. Nothing was ` +
            "written. Name the columns that the outcome needs in `returning`.",
          details,
        );
      case "not-ours":
        return new RolledBackError(
          `Operation ${this.label} was rolled back: when its work returned, the transaction had been aborted or ended, most ` +
            "likely because the work caught an SQL error without rolling back to a savepoint, or ended the transaction itself. " +
            "Nothing of it was kept. Let the error through, or wrap the statement in a SAVEPOINT.",
          details,
        );
      case "ended":
        return new OutcomeUnknownError(
          `The work of operation ${this.label} ended the transaction it was given, by a statement that the handle could not ` +
            "recognise, such as a call of a procedure that commits. What it had done by then may have been kept. Where it was, " +
            "the key is blocked: check the effect, and remove the ledger's row in state 0 by hand.",
          details,
        );
      case "schema":
        return new LedgerSchemaError(
          `The ledger's table is missing or outdated, so operation ${this.label} did not run. ` +
            `Bring it up to date with: ${this.context.dialect.migrateCommand}`,
          details,
        );
      case "unavailable":
        return new RolledBackError(
          `No connection became available for operation ${this.label}. Nothing was sent. Try again with the same key; if this ` +
            "repeats, the pool is too small, or work inside `once` uses the pool instead of the transaction it is given.",
          details,
        );
      default:
        return error;
    }
  }

  get #often(): string {
    return this.attempts === 1 ? "" : ` ${this.attempts} times in a row`;
  }

  get #whoRetries(): string {
    return this.context.database.joined
      ? "Roll back your transaction and run it again as a whole, with the same key."
      : "Try again with the same key.";
  }
}
