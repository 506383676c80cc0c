import type { Failure } from "../../core/executor.js";
import { MARKER } from "./sql.js";

export interface LedgerName {
  readonly schema: string;
  readonly table: string;
}

/** What a driver tells of an error of the server. */
export interface PostgresError {
  /** SQLSTATE. */
  readonly state: string;
  readonly message: string;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly constraint?: string | undefined;
}

/** The SQLSTATEs by which a server says that it ends the connection: what it was doing then is unknown. */
export const ENDS_CONNECTION: RegExp = /^(57P0[1-5]|08...|25P0[345])$/;

/** What a PostgreSQL error means for an operation. */
export function postgresFailure(error: PostgresError, ledger: LedgerName): Failure {
  const { state, message, table, schema } = error;
  const says = (text: string): boolean => message.includes(text);
  switch (state) {
    case "40001":
    case "40P01":
      return { kind: "conflict" };
    case "23505":
      return { kind: "duplicate", ledger: table === ledger.table && schema === ledger.schema };
    case "23514":
      return { kind: isUnplaced(error, ledger) ? "unplaced" : "other" };
    case "55P03":
      return { kind: "locked" };
    case "57014":
      return { kind: "canceled" };
    case "21000":
      return { kind: "many-rows" };
    case "22P02":
      if (says(MARKER.resultTooLarge)) return { kind: "too-large" };
      if (says(MARKER.manyRows)) return { kind: "many-rows" };
      if (says(MARKER.rowsChanged)) return { kind: "rows-changed" };
      return { kind: says(MARKER.notOurs) ? "not-ours" : "other" };
    case "25000":
      return { kind: says(MARKER.unfinished) ? "not-ours" : "other" };
    case "25006":
      return { kind: "read-only" };
    case "42P01":
    case "42703":
      return { kind: namesLedger(message, ledger) ? "schema" : "other" };
    case "3F000":
      return { kind: says(`"${ledger.schema}"`) ? "schema" : "other" };
    default:
      return { kind: "other" };
  }
}

/** Whatever the server's language, it quotes the name that it did not find. */
function namesLedger(message: string, { schema, table }: LedgerName): boolean {
  if (message.includes("opledger_ledger.")) return true;
  return [`${schema}.${table}`, table].some((name) => message.includes(`"${name}"`));
}

/**
 * A row that no partition takes violates no constraint that has a name. Where a driver tells no more than the text, that
 * quotes the table's name and no other.
 */
function isUnplaced({ message, table, schema, constraint }: PostgresError, ledger: LedgerName): boolean {
  if (table !== undefined)
    return constraint === undefined && table === ledger.table && schema === ledger.schema;
  const [before, after, ...more] = message.split(`"${ledger.table}"`);
  return more.length === 0 && after !== undefined && !`${before}${after}`.includes('"');
}
