import type { Failure } from "../../core/executor.js";
import { ALIAS } from "./sql.js";

/** What a driver tells of an error of SQLite. */
export interface SqliteError {
  readonly message: string;
  /** The extended result code's name, such as `SQLITE_BUSY_SNAPSHOT`, where the driver tells it. */
  readonly code?: string | undefined;
}

/** The text by which our own statements refuse a transaction that is not ours. */
const NO_SAVEPOINT = /no such savepoint: opledger_/;

/** What an error of SQLite means for an operation. */
export function sqliteFailure({ message, code }: SqliteError, table: string): Failure {
  // A reader cannot become a writer once somebody else has written; the whole transaction must start anew.
  if (code === "SQLITE_BUSY_SNAPSHOT") return { kind: "conflict" };
  if (code?.startsWith("SQLITE_BUSY") || /database (?:table )?is locked/.test(message))
    return { kind: "locked" };
  if (/UNIQUE constraint failed/.test(message)) {
    return message.includes(`: ${table}.`) ? { kind: "duplicate", ledger: true } : { kind: "duplicate" };
  }
  if (isOutdated(message, table)) return { kind: "schema" };
  if (/attempt to write a readonly database/.test(message)) return { kind: "read-only" };
  if (NO_SAVEPOINT.test(message)) return { kind: "ended" };
  return { kind: code === "SQLITE_INTERRUPT" ? "canceled" : "other" };
}

/** Our own statements name the ledger's columns by {@link ALIAS}. */
function isOutdated(message: string, table: string): boolean {
  const [, missing] = /no such table: (.+)$/.exec(message) ?? [];
  if (missing !== undefined) return missing === table || missing.endsWith(`.${table}`);
  return (
    message.includes(`no such column: ${ALIAS}.`) || message.includes(`table ${table} has no column named `)
  );
}
