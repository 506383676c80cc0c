import type { Failure } from "./executor.js";

/** What an adapter finds out by itself, and no server has said. It tells what it means for an operation. */
export abstract class AdapterError extends Error {
  abstract readonly failure: Failure;
}

/** The connection broke, or its answer did not come, where the server may have committed. */
export class CommitLost extends AdapterError {
  readonly failure: Failure = { kind: "unknown" };

  constructor(cause: unknown) {
    super("the connection was lost around COMMIT", { cause });
  }
}

/** The connection broke before COMMIT was sent. */
export class ConnectionLost extends AdapterError {
  readonly failure: Failure = { kind: "lost" };

  constructor(cause: unknown) {
    super("the connection was lost", { cause });
  }
}

/** The server did not answer in time, and the connection is of no more use. */
export class ResponseTimeout extends ConnectionLost {
  constructor(timeoutMs: number) {
    super(new Error(`no answer within ${timeoutMs} ms`));
  }
}

/** No connection was to be had; nothing was sent. */
export class Unavailable extends AdapterError {
  readonly failure: Failure = { kind: "unavailable" };
}

/** The transaction was spoiled by its work, aborted or over when it was to be committed; the cause is what the work did. */
export class NotOurs extends AdapterError {
  readonly failure: Failure = { kind: "not-ours" };

  constructor(cause: unknown) {
    super("the transaction could not be committed", { cause });
  }
}

/** The work ended the transaction by a statement that was not recognised as one that would. */
export class TransactionOver extends AdapterError {
  readonly failure: Failure = { kind: "ended" };

  constructor(cause: unknown) {
    super("the work ended its transaction", { cause });
  }
}

/** The ledger's own row was refused as a duplicate: a concurrent run of the operation was faster. */
export class LedgerDuplicate extends AdapterError {
  readonly failure: Failure = { kind: "duplicate", ledger: true };

  constructor(cause: unknown) {
    super("the operation was recorded by a concurrent run", { cause });
  }
}

/** A race that trying the whole transaction again settles. */
export class LostRace extends AdapterError {
  readonly failure: Failure = { kind: "conflict" };

  constructor(cause: unknown) {
    super("a concurrent transaction came first", { cause });
  }
}

/** ORMs and callers wrap errors, but not deeper than this; an error may be its own cause. */
const CAUSES_MAX = 4;

/** An error, and what caused it, as far as it is worth following. */
export function* causes(error: unknown): Generator<Error, void, undefined> {
  let cause = error;
  for (let depth = 0; cause instanceof Error && depth < CAUSES_MAX; depth++) {
    yield cause;
    cause = cause.cause;
  }
}

/** Whether an error is the loss of a connection that an adapter has found out. */
export function tellsLoss(error: Error): boolean {
  return error instanceof ConnectionLost || error instanceof CommitLost;
}
