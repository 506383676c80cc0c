import type { Failure } from "../../core/executor.js";
import { AdapterError, causes, tellsLoss } from "../../core/failure.js";
import { ENDS_CONNECTION, type LedgerName, postgresFailure } from "../../dialects/postgres/failure.js";
import { cut, type PgClientLike } from "./client.js";

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
  else if (!gone.has(client) && !ENDS_CONNECTION.test(sqlState(error) ?? "")) return;
  losses.add(error);
}

const reprepares = new WeakSet<Error>();

/** Remembers that a statement failed only because of how it was prepared: sent another way it can run. */
export function noteReprepare(error: unknown): void {
  if (error instanceof Error) reprepares.add(error);
}

/** Whether an error, or what caused it, is the loss of an operation's connection. */
export function isConnectionLoss(error: unknown): boolean {
  for (const cause of causes(error)) if (tellsLoss(cause) || losses.has(cause)) return true;
  return false;
}

export function sqlState(error: unknown): string | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && severity !== undefined ? code : undefined;
}

/** What an error of pg, or of the work that uses it, means for an operation. */
export function pgFailure(error: unknown, ledger: LedgerName): Failure {
  if (error instanceof AdapterError) return error.failure;
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
  for (const cause of causes(thrown)) {
    const state = sqlState(cause);
    if (state === "40001" || state === "40P01") return true;
  }
  return false;
}
