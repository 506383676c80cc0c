import { type Grammar, plainSum } from "../script/grammar.js";
import { amount, quote } from "./sql.js";

/** What an engine of the family can do. */
export interface Traits extends Grammar {
  /** `SET STATEMENT … FOR`, which bounds one statement's lock waits. */
  readonly boundsStatements: boolean;
  /** `BEGIN NOT ATOMIC`, which needs no stored program. */
  readonly compoundStatements: boolean;
  /** The shortest lock wait, in seconds. */
  readonly waitSecondsMin: number;
}

const GRAMMAR = {
  quote,
  amount,
  sum: plainSum,
  forUpdate: " FOR UPDATE",
  returnsTriggered: true,
  // The first of them; those of one insert follow each other.
  insertId: (position: number): string =>
    position === 0 ? "LAST_INSERT_ID()" : `LAST_INSERT_ID() + ${position} * @@auto_increment_increment`,
  defaultRow: { columns: "", values: "" },
} as const;

export const MYSQL: Traits = {
  ...GRAMMAR,
  insertReturning: false,
  boundsStatements: false,
  compoundStatements: false,
  waitSecondsMin: 1,
};

export const MARIADB: Traits = {
  ...GRAMMAR,
  insertReturning: true,
  boundsStatements: true,
  compoundStatements: true,
  waitSecondsMin: 0,
};
