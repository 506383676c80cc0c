import type { Failure } from "../../core/executor.js";

/** The connection broke, or its answer did not come, where the server may have committed. */
export class CommitLost extends Error {
  constructor(cause: unknown) {
    super("the connection was lost around COMMIT", { cause });
  }
}

/** No connection was to be had; nothing was sent. */
export class Unavailable extends Error {}

/** No savepoint could be taken in time, since another one of the same transaction was open. */
export function busyFor(timeoutMs: number): Unavailable {
  return new Unavailable(`the transaction was busy with another operation for ${timeoutMs} ms`);
}

/** The connection broke before COMMIT was sent. */
class ConnectionLost extends Error {
  constructor(cause: unknown) {
    super("the connection was lost", { cause });
  }
}

/** The server did not answer in time. */
export class ResponseTimeout extends ConnectionLost {
  constructor(timeoutMs: number) {
    super(new Error(`no answer within ${timeoutMs} ms`));
  }
}

/** The transaction was aborted, or over, when it was to be committed. */
export class NotOurs extends Error {
  constructor(cause: unknown) {
    super("the transaction could not be committed", { cause });
  }
}

/** The work ended the transaction by a statement that was not recognised as one that would. */
export class TransactionOver extends Error {
  constructor(cause: unknown) {
    super("the work ended its transaction", { cause });
  }
}

/** The ledger's own row was refused as a duplicate: a concurrent run of the operation was faster. */
export class LedgerDuplicate extends Error {
  constructor(cause: unknown) {
    super("the operation was recorded by a concurrent run", { cause });
  }
}

/** A race that trying the whole transaction again settles. */
export class LostRace extends Error {
  constructor(cause: unknown) {
    super("a concurrent transaction came first", { cause });
  }
}

/** What a driver adapter tells of an error, the same behind every API of Prisma's. */
export interface DriverCause {
  readonly kind: string;
  /** SQLSTATE, errno or SQLite's extended code; absent where the server said nothing. */
  readonly code: string | undefined;
  readonly message: string;
  readonly table: string | undefined;
}

/** ORMs and callers wrap errors, but not deeper than this. */
const CAUSES_MAX = 4;

/** What the driver adapter said, if an error, or what caused it, comes from there. */
export function driverCause(error: unknown): DriverCause | undefined {
  let found = error;
  for (let depth = 0; found instanceof Error && depth < CAUSES_MAX; found = found.cause, depth++) {
    const { meta, name, cause } = found as Error & { meta?: { driverAdapterError?: { cause?: unknown } } };
    const told = meta?.driverAdapterError?.cause ?? (name === "DriverAdapterError" ? cause : undefined);
    if (told !== null && typeof told === "object" && "kind" in told) return readCause(told);
  }
  return undefined;
}

function readCause(cause: object): DriverCause {
  const { kind, originalCode, originalMessage, code, message, table, extendedCode } = cause as Record<
    string,
    unknown
  >;
  const told = originalCode ?? code ?? extendedCode;
  return {
    kind: String(kind),
    code: told === undefined || told === null ? undefined : String(told),
    message: String(originalMessage ?? message ?? ""),
    table: typeof table === "string" ? table : undefined,
  };
}

export function prismaCode(error: unknown): string | undefined {
  const { code, clientVersion } = (error ?? {}) as { code?: unknown; clientVersion?: unknown };
  return typeof code === "string" && clientVersion !== undefined ? code : undefined;
}

const UNREACHABLE: ReadonlySet<string> = new Set([
  "DatabaseNotReachable",
  "TooManyConnections",
  "DatabaseDoesNotExist",
  "DatabaseAccessDenied",
  "AuthenticationFailed",
  "TlsConnectionError",
]);

/** Nothing can have been sent. */
export function isUnreachable(error: unknown): boolean {
  const code = prismaCode(error);
  if (code === "P1001" || code === "P2024") return true;
  // The pool of pg had no connection within its own `connectionTimeoutMillis`.
  if (/timeout exceeded when trying to connect/.test(String(error))) return true;
  if (code === "P2028" && /Unable to start a transaction/.test(String(error))) return true;
  const cause = driverCause(error);
  // 45028: the connector's pool had no connection in time.
  return cause !== undefined && (UNREACHABLE.has(cause.kind) || cause.code === "45028");
}

/** Errors of the drivers' own about their connection, in which no server had a say. */
const LOST =
  /Connection terminated|connection error and is not queryable|ECONNRESET|EPIPE|ETIMEDOUT|socket has unexpectedly been closed|Server has closed the connection|Cannot execute new commands: connection closed|(?:Client was closed|Connection ended)/i;

/** The errors by which servers say that they end the connection. */
const SHUTDOWN =
  /^(?:57P0[1-5]|08...|25P0[345]|1053|1077|1079|1080|1927|2006|2013|3032|4031|450(?:09|13|26|27|38))$/;

/** Whether an error, or what caused it, is the loss of the operation's connection. */
export function isConnectionLoss(error: unknown): boolean {
  const cause = driverCause(error);
  if (cause !== undefined) {
    if (cause.kind === "ConnectionClosed" || SHUTDOWN.test(cause.code ?? "")) return true;
    return cause.code === undefined && LOST.test(cause.message);
  }
  let found = error;
  for (let depth = 0; found instanceof Error && depth < CAUSES_MAX; found = found.cause, depth++) {
    if (found instanceof ConnectionLost || found instanceof CommitLost) return true;
    const { code } = found as { code?: unknown };
    if (code === "P1017" || code === "ECONNRESET" || code === "EPIPE") return true;
    if (LOST.test(found.message)) return true;
  }
  return false;
}

/** What an error of Prisma's, or of the work that uses it, means for an operation. */
export function prismaFailure(error: unknown, ofServer: (cause: DriverCause) => Failure): Failure {
  if (error instanceof CommitLost) return { kind: "unknown" };
  if (error instanceof Unavailable) return { kind: "unavailable" };
  if (error instanceof TransactionOver) return { kind: "ended" };
  if (error instanceof NotOurs) return { kind: "not-ours" };
  if (error instanceof LedgerDuplicate) return { kind: "duplicate", ledger: true };
  if (error instanceof LostRace) return { kind: "conflict" };
  const cause = driverCause(error);
  if (cause?.kind === "TransactionWriteConflict") return { kind: "conflict" };
  if (isConnectionLoss(error)) return { kind: "lost" };
  if (cause !== undefined) return ofServer(cause);
  return { kind: prismaCode(error) === "P2034" ? "conflict" : "other" };
}
