import type { Failure } from "../../core/executor.js";
import { type LedgerName, postgresFailure } from "../../dialects/postgres/failure.js";
import { cut, type PgClientLike } from "./client.js";

/** The connection broke, or its answer did not come, between sending a COMMIT and reading its tag. */
export class CommitLost extends Error {
  constructor(cause: unknown) {
    super("the connection was lost around COMMIT", { cause });
  }
}

/** No connection was to be had; nothing was sent. */
export class Unavailable extends Error {}

/** The transaction was aborted, or over, when it was to be committed; the cause is what the work did to it. */
export class NotOurs extends Error {
  constructor(cause: unknown) {
    super("the transaction could not be committed", { cause });
  }
}

/** The connection broke before COMMIT was sent. */
export class ConnectionLost extends Error {
  constructor(cause: unknown) {
    super("the connection was lost", { cause });
  }
}

/** The errors by which a server says that it ends the connection: what it was doing then is unknown. */
const SHUTDOWN = /^(57P0[1-5]|08...|25P0[345])$/;

/** Clients whose connection is gone, and the errors that this showed itself in. */
const gone = new WeakSet<PgClientLike>();
const losses = new WeakSet<Error>();
const listening = new WeakSet<PgClientLike>();

/**
 * A server that ends the connection makes the client emit `error`, which would end the process where nobody listens,
 * and the pool does not while a client is checked out.
 */
export function survive(client: PgClientLike): void {
  if (listening.has(client)) return;
  listening.add(client);
  client.on("error", () => gone.add(client));
  client.on("end", () => gone.add(client));
}

export function isGone(client: PgClientLike): boolean {
  return gone.has(client);
}

/**
 * Remembers that an error of this client's came from the loss of its connection. The error alone cannot tell: pg's
 * own have no SQLSTATE, and the work's other clients fail with ECONNRESET as well.
 */
export function noteLoss(client: PgClientLike, error: unknown): void {
  if (!(error instanceof Error)) return;
  if (error.message === "Query read timeout") cut(client);
  else if (!gone.has(client) && !SHUTDOWN.test(sqlState(error) ?? "")) return;
  losses.add(error);
}

const reprepares = new WeakSet<Error>();

/** Remembers that a statement failed only because of how it was prepared: sent another way it can run. */
export function noteReprepare(error: unknown): void {
  if (error instanceof Error) reprepares.add(error);
}

/** Whether an error, or what caused it, is the loss of an operation's connection. */
export function isConnectionLoss(error: unknown): boolean {
  for (
    let cause = error, depth = 0;
    cause instanceof Error && depth < CAUSES_MAX;
    cause = cause.cause, depth++
  ) {
    if (cause instanceof CommitLost || cause instanceof ConnectionLost || losses.has(cause)) return true;
  }
  return false;
}

/** ORMs and callers wrap errors, but not deeper than this. */
const CAUSES_MAX = 4;

export function sqlState(error: unknown): string | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && severity !== undefined ? code : undefined;
}

/** What an error of pg, or of the work that uses it, means for an operation. */
export function pgFailure(error: unknown, ledger: LedgerName): Failure {
  if (error instanceof CommitLost) return { kind: "unknown" };
  if (error instanceof Unavailable) return { kind: "unavailable" };
  if (error instanceof NotOurs) return { kind: "not-ours" };
  if (isConnectionLoss(error)) return { kind: "lost" };
  if (!(error instanceof Error)) return { kind: "other" };
  if (reprepares.has(error)) return { kind: "reprepare" };
  const state = sqlState(error);
  // A caller or an ORM may have wrapped the server's error, and a deadlock is as retryable in a wrapping.
  if (state === undefined) return hasConflict(error.cause) ? { kind: "conflict" } : { kind: "other" };
  const { table, schema, constraint } = error as { table?: string; schema?: string; constraint?: string };
  return postgresFailure({ state, message: error.message, table, schema, constraint }, ledger);
}

function hasConflict(thrown: unknown): boolean {
  for (
    let cause = thrown, depth = 0;
    cause instanceof Error && depth < CAUSES_MAX;
    cause = cause.cause, depth++
  ) {
    if (sqlState(cause) === "40001" || sqlState(cause) === "40P01") return true;
  }
  return false;
}
