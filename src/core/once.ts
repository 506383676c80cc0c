import { decodeResult, encodeResult } from "./codec.js";
import { Call, type LedgerContext, WorkFailure } from "./context.js";
import type { Claim, ClaimedOperation } from "./dialect.js";
import { OperationInProgressError, RolledBackError, StoredFailureError } from "./errors.js";
import {
  type Closing,
  type Executor,
  ISOLATION_LEVELS,
  type IsolationLevel,
  type ResultSet,
} from "./executor.js";
import { fingerprint } from "./fingerprint.js";
import { identify, type OperationRef, summarize } from "./operation.js";
import type { Outcome } from "./outcome.js";

export interface OnceOptions {
  /** The transaction's isolation level; the connection's default unless given. */
  readonly isolationLevel?: IsolationLevel | undefined;
}

/** How often a claim may find that the row it met is gone again, before giving up. */
export const CLAIM_ROUNDS_MAX = 8;

/** What one transaction came to. A failed work is committed too, where `storeError` says so: as its recorded failure. */
type Ended<T> =
  | { readonly status: "executed" | "replayed"; readonly value: T }
  | { readonly status: "failed"; readonly error: unknown };

/**
 * Runs `work` once per operation: claim, work, complete, in one transaction; or replays the stored result.
 *
 * @throws see `Ledger.once`
 */
export async function once<Tx, T>(
  context: LedgerContext<Tx>,
  ref: OperationRef,
  work: (tx: Tx) => Promise<T> | T,
  options: OnceOptions,
): Promise<Outcome<T>> {
  const identity = identify(ref, context.retentionMs);
  const operation = { ...identity, fingerprint: fingerprint(ref.payload, undefined, summarize(identity)) };
  return onceAs(context, operation, ref, work, options);
}

/** {@link once} for an operation that was identified before, by a fingerprint of its own. */
export async function onceAs<Tx, T>(
  context: LedgerContext<Tx>,
  operation: ClaimedOperation,
  ref: OperationRef,
  work: (tx: Tx) => Promise<T> | T,
  options: OnceOptions,
): Promise<Outcome<T>> {
  const { isolationLevel } = options;
  if (isolationLevel !== undefined && !ISOLATION_LEVELS.includes(isolationLevel)) {
    throw new TypeError(`isolationLevel must be one of ${ISOLATION_LEVELS.join(", ")}`);
  }
  const call = new Call(context, operation);
  const run = (): Promise<Ended<T>> => call.attempt(() => runOnce(call, ref, work, options));
  const recalled = call.isRecent ? await recall<Tx, T>(call) : undefined;
  const ended = recalled ?? (await (context.database.joined ? run() : alone(call, run)));
  if (ended.status === "failed") throw ended.error;
  call.ended(ended.status);
  return ended;
}

/** Replays by a plain read, where this process has seen the operation completed. */
async function recall<Tx, T>(call: Call<Tx>): Promise<Ended<T> | undefined> {
  const { database, dialect, responseMs } = call.context;
  const found = await call.attempt(() => database.run(dialect.recall(call.operation), responseMs));
  const claim = dialect.readClaim(found);
  if (claim.status === "mismatch") throw call.mismatch("");
  if (claim.status === "erased") throw call.erased();
  return claim.status === "completed" || claim.status === "failed" ? replay(call, claim) : undefined;
}

function alone<Tx, T>(call: Call<Tx>, run: () => Promise<T>): Promise<T> {
  const { flights, waitMs } = call.context;
  return flights.enter(call.operation.id, waitMs, run, {
    waited: () => call.emit("waited"),
    timedOut: () =>
      new OperationInProgressError(
        `Operation ${call.label} has been running in this process for longer than ${waitMs} ms. Nothing was sent. ` +
          "Try again later with the same key.",
        { operation: call.summary, retryAfterMs: Math.max(waitMs, 1_000) },
      ),
  });
}

function runOnce<Tx, T>(
  call: Call<Tx>,
  ref: OperationRef,
  work: (tx: Tx) => Promise<T> | T,
  options: OnceOptions,
): Promise<Ended<T>> {
  const { database, dialect, storeError, waitMs, responseMs } = call.context;
  const claim = dialect.claim(call.operation, { waitMs, fresh: call.isFresh });
  return database.transaction<Ended<T>>({
    isolationLevel: options.isolationLevel,
    opening: storeError === undefined ? [claim] : [claim, dialect.markWork],
    waitMs,
    timeoutMs: waitMs + responseMs,
    body: async ([opened], tx, executor) => {
      const claimed = await settleClaim(call, dialect.readClaim(required(opened)), executor);
      if (claimed.status !== "claimed") return { closing: [], value: replay<Tx, T>(call, claimed) };
      let value: T;
      try {
        value = await work(tx);
      } catch (error) {
        return recordFailure(call, ref, claimed.token, error, executor);
      }
      return complete<Tx, T>(call, claimed.token, value);
    },
  });
}

/** Claims again while the answer is not final: an expired row in the way, or one decided since the snapshot. */
async function settleClaim<Tx>(
  call: Call<Tx>,
  first: Claim,
  executor: Executor,
): Promise<Extract<Claim, { status: "claimed" | "completed" | "failed" }>> {
  const { dialect, waitMs } = call.context;
  let claim = first;
  for (let round = 1; round <= CLAIM_ROUNDS_MAX; round++) {
    if (claim.status === "mismatch") throw call.mismatch("");
    if (claim.status === "erased") throw call.erased();
    if (claim.status === "unfinished") throw call.unfinished();
    if (claim.status === "expired") await executor.run(dialect.forget(call.operation, { waitMs }));
    else if (claim.status === "recheck") call.emit("waited");
    else if (claim.status !== "open") return claim;
    claim = dialect.readClaim(await executor.run(dialect.claim(call.operation, { waitMs, fresh: false })));
  }
  throw new RolledBackError(
    `Operation ${call.label} could not be claimed: its row came and went ${CLAIM_ROUNDS_MAX} times. ` +
      "Nothing ran. Try again with the same key.",
    { operation: call.summary },
  );
}

function replay<Tx, T>(
  call: Call<Tx>,
  claim: { status: "completed" | "failed"; result: Uint8Array },
): Ended<T> {
  const value = decodeResult(claim.result, call.context.codec);
  if (claim.status === "completed") return { status: "replayed", value: value as T };
  call.ended("replayed");
  const error = new StoredFailureError(
    `Operation ${call.label} failed when it first ran, and that failure was recorded. Nothing ran again. ` +
      "Its details are in `failure`; use a new key to try anew.",
    { operation: call.summary, failure: value },
  );
  return { status: "failed", error };
}

function complete<Tx, T>(call: Call<Tx>, token: string, value: unknown): Closing<Ended<T>> {
  const { dialect, codec } = call.context;
  const bytes = encodeResult(value, codec, call.summary);
  // Decoded from the stored bytes, so that a first result and its replays cannot differ in shape.
  const stored = decodeResult(bytes, codec) as T;
  return {
    closing: [dialect.complete(call.operation, token, "completed", bytes)],
    value: { status: "executed", value: stored },
  };
}

async function recordFailure<Tx, T>(
  call: Call<Tx>,
  ref: OperationRef,
  token: string,
  error: unknown,
  executor: Executor,
): Promise<Closing<Ended<T>>> {
  const { storeError, database, dialect, codec } = call.context;
  const { kind } = database.failure(error);
  // What may succeed when tried again is no final failure.
  if (storeError === undefined || kind === "conflict" || kind === "lost") throw new WorkFailure(error);
  const failure = storeError(error, ref);
  if (failure === undefined) throw new WorkFailure(error);
  await executor.run(dialect.undoWork);
  const bytes = encodeResult(failure, codec, call.summary);
  return {
    closing: [dialect.complete(call.operation, token, "failed", bytes)],
    value: { status: "failed", error },
  };
}

function required(result: ResultSet | undefined): ResultSet {
  if (result === undefined) throw new Error("the adapter did not return the result of the claim");
  return result;
}
