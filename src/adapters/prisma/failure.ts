import type { Failure } from "../../core/executor.js";
import { AdapterError, causes, type ResponseTimeout, tellsLoss, Unavailable } from "../../core/failure.js";
import { ENDS_CONNECTION as MYSQL_ENDS_CONNECTION } from "../../dialects/mysql/failure.js";
import { ENDS_CONNECTION as POSTGRES_ENDS_CONNECTION } from "../../dialects/postgres/failure.js";

/** What a driver adapter tells of an error, the same behind every API of Prisma's. */
export interface DriverCause {
  readonly kind: string;
  /** SQLSTATE, errno or SQLite's extended code; absent where the server said nothing. */
  readonly code: string | undefined;
  readonly message: string;
  readonly table: string | undefined;
}

/** What the driver adapter said, if an error, or what caused it, comes from there. */
export function driverCause(error: unknown): DriverCause | undefined {
  for (const found of causes(error)) {
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

/** No answer came, and whether the statement was sent at all cannot be told. */
export class PerhapsNeverSent extends AdapterError {
  readonly failure: Failure = { kind: "unknown", final: true };

  constructor(cause: ResponseTimeout) {
    super(
      "no answer came in time, be it that the server is slow or that the pool of PrismaPg had no connection: it waits for one for ever " +
        "unless it is given a `connectionTimeoutMillis`, with which this is an error that says that nothing was sent",
      { cause },
    );
  }
}

/** No savepoint could be taken in time, since another one of the same transaction was open. */
export function busyFor(timeoutMs: number): Unavailable {
  return new Unavailable(`the transaction was busy with another operation for ${timeoutMs} ms`);
}

/** Errors of the drivers' own about their connection, in which no server had a say. */
const LOST =
  /Connection terminated|connection error and is not queryable|ECONNRESET|EPIPE|ETIMEDOUT|socket has unexpectedly been closed|Server has closed the connection|Cannot execute new commands: connection closed|(?:Client was closed|Connection ended)/i;

/** MariaDB's connector has numbers of its own for a connection that is gone. */
const CONNECTOR_LOST = /^450(?:09|13|26|27|38)$/;

/** Whether a server, or its driver, says by this code that the connection is over. A SQLSTATE is not a number of MySQL's. */
function endsConnection(code: string): boolean {
  return (
    POSTGRES_ENDS_CONNECTION.test(code) ||
    MYSQL_ENDS_CONNECTION.has(Number(code)) ||
    CONNECTOR_LOST.test(code)
  );
}

/** Whether an error, or what caused it, is the loss of the operation's connection. */
export function isConnectionLoss(error: unknown): boolean {
  const cause = driverCause(error);
  if (cause !== undefined) {
    if (cause.kind === "ConnectionClosed" || endsConnection(cause.code ?? "")) return true;
    return cause.code === undefined && LOST.test(cause.message);
  }
  for (const found of causes(error)) {
    if (tellsLoss(found)) return true;
    const { code } = found as { code?: unknown };
    if (code === "P1017" || code === "ECONNRESET" || code === "EPIPE") return true;
    if (LOST.test(found.message)) return true;
  }
  return false;
}

/** What an error of Prisma's, or of the work that uses it, means for an operation. */
export function prismaFailure(error: unknown, ofServer: (cause: DriverCause) => Failure): Failure {
  if (error instanceof AdapterError) return error.failure;
  const cause = driverCause(error);
  if (cause?.kind === "TransactionWriteConflict") return { kind: "conflict" };
  if (isConnectionLoss(error)) return { kind: "lost" };
  if (cause !== undefined) return ofServer(cause);
  return { kind: prismaCode(error) === "P2034" ? "conflict" : "other" };
}
