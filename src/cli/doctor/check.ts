import type { Row } from "../../core/executor.js";
import type { Engine } from "../../migrations/index.js";

/** `error`: a promise does not hold. `warning`: it holds until something happens. `note`: good to know. */
export type Severity = "error" | "warning" | "note";

/** The database that is examined. */
export interface Patient {
  readonly engine: Engine;
  readonly version: string;
  rows(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** The first row's first column, as text; undefined where there is none. */
  one(sql: string, values?: readonly unknown[]): Promise<string | undefined>;
  /** A server setting, as the server writes it, times in milliseconds on PostgreSQL; undefined where it has none of the name. */
  setting(name: string): string | undefined;
  /** The ledger's schema; null where it is the connection's database, or SQLite's main one. */
  readonly schema: string | null;
  readonly table: string;
  /** The ledger as its engine's SQL has it, quoted. */
  readonly ledger: string;
  readonly ledgerExists: boolean;
  /** How long duplicates wait, in milliseconds. */
  readonly waitMs: number;
  /** The clock of this machine, in milliseconds since 1970. */
  now(): number;
  /** Runs `use` with a second connection. */
  beside<T>(use: (second: Pick<Patient, "rows" | "one">) => Promise<T>): Promise<T>;
}

/** What a check saw that is not as it should be. */
export interface Sign {
  readonly seen: string;
  /** In place of the check's own severity. */
  readonly severity?: Severity;
  /** In place of the check's own advice. */
  readonly fix?: string;
}

export interface Check {
  /** Does not change between major versions; a heading of `docs/doctor.md`. */
  readonly id: string;
  readonly severity: Severity;
  readonly engines: readonly Engine[];
  /** Whether it looks into the ledger, and so needs one. */
  readonly needsLedger?: boolean;
  readonly why: string;
  readonly fix: string;
  readonly examine: (patient: Patient) => Promise<readonly Sign[]> | readonly Sign[];
}

export const POSTGRES: readonly Engine[] = ["postgres"];
export const MYSQL_FAMILY: readonly Engine[] = ["mysql", "mariadb"];
export const SERVERS: readonly Engine[] = [...POSTGRES, ...MYSQL_FAMILY];
export const ENGINES: readonly Engine[] = [...SERVERS, "sqlite"];

/** A sign where something is the case. */
export function signIf(wrong: boolean, seen: string, more: Omit<Sign, "seen"> = {}): readonly Sign[] {
  return wrong ? [{ seen, ...more }] : [];
}
