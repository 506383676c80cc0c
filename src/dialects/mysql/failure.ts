import type { Failure } from "../../core/executor.js";

/** Numbers of the server's errors, the same in MySQL and MariaDB unless noted. */
export const ERRNO = {
  duplicateEntry: 1062,
  duplicateEntryWithKey: 1586,
  lockWaitTimeout: 1205,
  deadlock: 1213,
  /** MariaDB: the row changed since the read view was opened. */
  recordChanged: 1020,
  /** MySQL: a plugin, such as Group Replication's certification, rolled the transaction back. */
  rolledBackByPlugin: 3101,
  /** Galera, Group Replication and a full disk alike: an error during COMMIT. */
  errorDuringCommit: 1180,
  /** MySQL: a plugin failed while a transaction was committing, as on a member that its group has left behind. */
  hookFailed: 3100,
  /** Galera: the node is not ready for queries. */
  unknownCommand: 1047,
  noSuchTable: 1146,
  badField: 1054,
  /** Of a savepoint or a procedure; for the ledger's own see {@link lacksProcedure}. */
  doesNotExist: 1305,
  wrongArgumentCount: 1318,
  routineDenied: 1370,
  signal: 1644,
  xaDeadlock: 1614,
  xaTimeout: 1613,
  xaRollback: 1402,
  xaWrongState: 1399,
  lockNowait: 3572,
  /** By KILL QUERY, or by the client's own timeout. */
  queryInterrupted: 1317,
  /** MySQL's `max_execution_time`. */
  queryTimeout: 3024,
  /** MariaDB's `max_statement_time`. */
  statementTimeout: 1969,
  /** The server runs with `read_only`, or with another option that forbids the statement. */
  optionPrevents: 1290,
  readOnlyTransaction: 1792,
  readOnlyMode: 1836,
  unknownStatement: 1243,
  needReprepare: 1615,
  tooManyStatements: 1461,
} as const;

/** The errors by which a server says that it ends the connection: shutdown, kill, and its own timeouts. */
export const ENDS_CONNECTION: ReadonlySet<number> = new Set([
  1053, 1077, 1079, 1080, 1927, 2006, 2013, 3032, 4031,
]);

/** The text by which our own statements refuse a transaction that is not ours. */
export const NOT_OURS = "opledger:not-ours";

export interface MysqlError {
  readonly errno: number;
  readonly message: string;
}

/** What an error of MySQL or MariaDB means for an operation. */
export function mysqlFailure({ errno, message }: MysqlError, table: string): Failure {
  switch (errno) {
    case ERRNO.deadlock:
    case ERRNO.recordChanged:
    case ERRNO.rolledBackByPlugin:
    case ERRNO.xaDeadlock:
    case ERRNO.xaTimeout:
    case ERRNO.xaRollback:
      return { kind: "conflict" };
    case ERRNO.duplicateEntry:
    case ERRNO.duplicateEntryWithKey:
      return { kind: "duplicate" };
    case ERRNO.lockWaitTimeout:
    case ERRNO.lockNowait:
      return { kind: "locked" };
    case ERRNO.queryInterrupted:
    case ERRNO.queryTimeout:
    case ERRNO.statementTimeout:
      return { kind: "canceled" };
    case ERRNO.errorDuringCommit:
      // "149" is a lost certification; anything else leaves open what became of the transaction.
      return { kind: /\b149\b/.test(message) ? "conflict" : "unknown" };
    case ERRNO.hookFailed:
      return { kind: "unknown" };
    case ERRNO.unknownCommand:
      return { kind: "unavailable" };
    case ERRNO.doesNotExist:
      return { kind: /^SAVEPOINT\b/.test(message) && message.includes("opledger") ? "ended" : "other" };
    case ERRNO.noSuchTable:
      return { kind: message.includes(table) ? "schema" : "other" };
    case ERRNO.signal:
      return { kind: message.includes(NOT_OURS) ? "ended" : "other" };
    case ERRNO.optionPrevents:
    case ERRNO.readOnlyTransaction:
    case ERRNO.readOnlyMode:
      return { kind: "read-only" };
    case ERRNO.unknownStatement:
    case ERRNO.needReprepare:
    case ERRNO.tooManyStatements:
      return { kind: "reprepare" };
    default:
      return { kind: "other" };
  }
}

/**
 * Whether a call was refused because a procedure of the ledger's is missing, or is that of another version, or because the
 * user may not call it.
 */
export function lacksProcedure(errno: number | undefined, message: string, table: string): boolean {
  const missing = errno === ERRNO.doesNotExist && /^PROCEDURE\b/.test(message);
  const refused = errno === ERRNO.routineDenied || errno === ERRNO.wrongArgumentCount;
  return (missing || refused) && message.includes(`${table}_`);
}
