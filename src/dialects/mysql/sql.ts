import { type Fragment, quotePath as quoted } from "../script/grammar.js";

const IDENTIFIER_CHARACTERS_MAX = 64;

/**
 * The only way an identifier gets into SQL.
 *
 * @throws {TypeError} the name is empty, longer than the server keeps, ends in a space, or holds what no name can
 * @see https://dev.mysql.com/doc/refman/9.4/en/identifiers.html
 */
export function quote(name: string): string {
  // Characters beyond the basic plane are refused by MySQL, and cut off or replaced by MariaDB.
  if (typeof name !== "string" || name.length === 0 || /[\0\u{10000}-\u{10ffff}]|\s$/u.test(name)) {
    throw new TypeError(`not an identifier: ${JSON.stringify(name)}`);
  }
  if (name.length > IDENTIFIER_CHARACTERS_MAX) {
    throw new TypeError(
      `identifier longer than ${IDENTIFIER_CHARACTERS_MAX} characters: ${JSON.stringify(name)}`,
    );
  }
  return `\`${name.replaceAll("`", "``")}\``;
}

/**
 * A number that is added exactly: a bare placeholder would make the sum a DOUBLE, which loses what is beyond 2^53.
 */
export function amount(value: unknown): Fragment {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    const size = Math.abs(value);
    // Only a DOUBLE column can hold these.
    if (size >= 1e34 || size < 1e-15) return { sql: "?", values: [value] };
  }
  const text = String(value);
  const whole = /^[+-]?\d{1,18}$/.test(text);
  return { sql: whole ? "CAST(? AS SIGNED)" : "CAST(? AS DECIMAL(65,30))", values: [text] };
}

export function quotePath(path: readonly string[]): string {
  return quoted({ quote }, path);
}

/** What the ledger's column `state` holds. */
export const STATE = { claimed: 0, completed: 1, failed: 2 } as const;

/** Milliseconds since 1970, as text. */
export function epochMs(time: string): string {
  return `CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', ${time}) / 1000 AS CHAR)`;
}
