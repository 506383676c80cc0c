import type { Fragment, Grammar } from "../script/grammar.js";

/** SQLite has no limit of its own; whoever exceeds this has mixed something up. */
const IDENTIFIER_CHARACTERS_MAX = 1_000;

/**
 * The only way an identifier gets into SQL. In backquotes, since SQLite takes an unknown name in double quotes for a text,
 * and so would compare with it instead of refusing it.
 *
 * @throws {TypeError} the name is empty, longer than that, or holds NUL
 * @see https://www.sqlite.org/quirks.html#double_quoted_string_literals_are_accepted
 */
export function quote(name: string): string {
  if (typeof name !== "string" || name.length === 0 || name.includes("\0") || !name.isWellFormed()) {
    throw new TypeError(`not an identifier: ${JSON.stringify(name)}`);
  }
  if (name.length > IDENTIFIER_CHARACTERS_MAX) {
    throw new TypeError(`identifier longer than ${IDENTIFIER_CHARACTERS_MAX} characters`);
  }
  return `\`${name.replaceAll("`", "``")}\``;
}

/** Whole numbers as text, since drivers send numbers as floating point. */
function amount(value: unknown): Fragment {
  if (typeof value === "number" && !Number.isSafeInteger(value)) return { sql: "?", values: [value] };
  const text = String(value);
  // As INTEGER, one beyond 64 bits would be cut down to them.
  return { sql: /^[+-]?\d{1,18}$/.test(text) ? "CAST(? AS INTEGER)" : "CAST(? AS NUMERIC)", values: [text] };
}

/**
 * SQLite makes a floating point number of a sum of whole numbers that 64 bits cannot hold, and stores that: the column is never exact
 * again. An UPDATE can raise an error only by a function that does: the absolute value of the least integer overflows.
 *
 * @see https://www.sqlite.org/lang_corefunc.html#abs
 */
function sum(column: string, { sql, values }: Fragment): Fragment {
  const added = "opledger_added.opledger_amount";
  const whole = `(typeof(${added}) = 'integer' OR ${added} = round(${added}))`;
  return {
    sql: `(SELECT CASE WHEN typeof(${column}) = 'integer' AND ${whole} AND typeof(${column} + ${added}) = 'real'
  THEN abs(-9223372036854775808) ELSE ${column} + ${added} END FROM (SELECT ${sql} AS opledger_amount) AS opledger_added)`,
    values,
  };
}

/** RETURNING shows a row as it was before AFTER triggers, the only ones that can change it. */
export const SQLITE: Grammar = {
  quote,
  amount,
  sum,
  forUpdate: "",
  insertReturning: true,
  returnsTriggered: false,
  // The last of them; those of one insert follow each other, since nobody else writes.
  insertId: (position, count) => `last_insert_rowid() - ${count - 1 - position}`,
  defaultRow: { columns: "`_rowid_`", values: "NULL" },
};

/** What the ledger is called in our own statements, so that an error about one of its columns tells. */
export const ALIAS = "opledger_ledger";

/** What the ledger's column `state` holds. */
export const STATE = { claimed: 0, completed: 1, failed: 2 } as const;

/** The database's own clock, in milliseconds since 1970. */
export const NOW: string = "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)";
