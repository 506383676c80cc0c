import type { Failure } from "../../core/executor.js";
import { AdapterError, causes, tellsLoss } from "../../core/failure.js";
import { ENDS_CONNECTION, ERRNO, mysqlFailure } from "../../dialects/mysql/failure.js";
import type { Connection } from "./client.js";

/** mysql2 gave a statement up, which the server may still run: whatever follows would come after it, or never. */
const CLIENT_TIMEOUT = "PROTOCOL_SEQUENCE_TIMEOUT";

const gone = new WeakSet<Connection>();
const losses = new WeakSet<Error>();
const listening = new WeakSet<Connection>();

/** A connection that breaks while nothing is asked emits `error`, which would end the process where nobody listens. */
export function survive(connection: Connection): void {
  if (listening.has(connection)) return;
  listening.add(connection);
  connection.on("error", () => gone.add(connection));
  connection.on("end", () => gone.add(connection));
}

export function isGone(connection: Connection): boolean {
  return gone.has(connection);
}

/** Remembers that an error of this connection's came from its loss; the work's other clients have the same errors. */
export function noteLoss(connection: Connection, error: unknown): void {
  if (!(error instanceof Error)) return;
  const { fatal, code } = error as { fatal?: unknown; code?: unknown };
  if (fatal !== true && code !== CLIENT_TIMEOUT && !ENDS_CONNECTION.has(errnoOf(error) ?? 0)) return;
  gone.add(connection);
  losses.add(error);
}

/**
 * Remembers that a node of a cluster, cut off from the others, refused a statement in the midst of a transaction: that is
 * lost as with the connection. Refused at the beginning, nothing was, and another try at once is of no use.
 */
export function noteCutOff(error: unknown): void {
  if (error instanceof Error && errnoOf(error) === ERRNO.unknownCommand) losses.add(error);
}

const outdated = new WeakSet<Error>();

/** Remembers that an error is about the ledger's own table; the server names the column, but not its table. */
export function noteOutdated(error: unknown): void {
  if (error instanceof Error) outdated.add(error);
}

/** Whether an error, or what caused it, is the loss of an operation's connection. */
export function isConnectionLoss(error: unknown): boolean {
  for (const cause of causes(error)) if (tellsLoss(cause) || losses.has(cause)) return true;
  return false;
}

/** The server's number of an error; system errors have negative ones of their own. */
export function errnoOf(error: unknown): number | undefined {
  const { errno, sqlState } = (error ?? {}) as { errno?: unknown; sqlState?: unknown };
  return typeof errno === "number" && errno > 0 && (sqlState !== undefined || ENDS_CONNECTION.has(errno))
    ? errno
    : undefined;
}

/** Errors after which the transaction, or a part of it, is gone whatever the work makes of them. */
const POISON: ReadonlySet<number> = new Set([
  ERRNO.deadlock,
  ERRNO.lockWaitTimeout,
  ERRNO.lockNowait,
  ERRNO.recordChanged,
  ERRNO.rolledBackByPlugin,
  ERRNO.errorDuringCommit,
  ERRNO.hookFailed,
  ERRNO.unknownCommand,
  ERRNO.xaDeadlock,
  ERRNO.xaTimeout,
  ERRNO.xaRollback,
]);

export function poisons(error: unknown): boolean {
  return POISON.has(errnoOf(error) ?? 0) || isConnectionLoss(error);
}

/** What an error of mysql2, or of the work that uses it, means for an operation. */
export function mysql2Failure(error: unknown, table: string): Failure {
  if (error instanceof AdapterError) return error.failure;
  if (isConnectionLoss(error)) return { kind: "lost" };
  const errno = errnoOf(error);
  if (error instanceof Error && outdated.has(error)) return { kind: "schema" };
  if (errno === undefined || !(error instanceof Error)) return { kind: "other" };
  return mysqlFailure({ errno, message: error.message }, table);
}
