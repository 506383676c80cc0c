import type { Statement } from "../../core/executor.js";
import type { Entries } from "../../core/writes.js";

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

export function quotePath(path: readonly string[]): string {
  return path.map(quote).join(".");
}

/** A statement worth preparing. */
export function prepared(sql: string, values: readonly unknown[], more: Partial<Statement> = {}): Statement {
  return { sql, values, name: sql, ...more };
}

export function plain(sql: string): Statement {
  return { sql, values: [] };
}

/** SQL with the values of its placeholders, to be put together in order. */
export interface Fragment {
  readonly sql: string;
  readonly values: readonly unknown[];
}

export function join(fragments: readonly Fragment[], separator: string): Fragment {
  return {
    sql: fragments.map(({ sql }) => sql).join(separator),
    values: fragments.flatMap(({ values }) => values),
  };
}

/** Columns that equal values. */
export function matches(entries: Entries): Fragment {
  return join(
    entries.map(([column, value]) =>
      value === null
        ? { sql: `${quote(column)} IS NULL`, values: [] }
        : { sql: `${quote(column)} = ?`, values: [value] },
    ),
    " AND ",
  );
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
