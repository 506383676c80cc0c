import type { Write } from "../../core/writes.js";
import { quote } from "./sql.js";

/**
 * How a write's row comes back: in columns of the table's own types, for drivers that know them; or as the text of its JSON, the
 * very bytes that are stored, for a client whose types would bend it.
 */
export type AnswerForm = "columns" | "text";

/** The column that holds a row's JSON where rows come back as text. */
export const ROW_TEXT = "opledger$row";

/** The row of a table that stored bytes hold; NULL where they hold none. */
export function storedRow(table: string, result: string, answer: AnswerForm): string {
  const text = `nullif(convert_from(substring(${result} FROM 3), 'UTF8'), '')`;
  return answer === "text" ? text : populated(table, `${text}::json`);
}

/** The columns of the answer that hold the row itself. */
export function answeredColumns({ returning }: Write, filled: string, answer: AnswerForm): string {
  if (answer === "text") return `${filled}.stored AS "${ROW_TEXT}"`;
  return (
    returning?.map((column) => `(${filled}.stored).${quote(column)}`).join(", ") ?? `(${filled}.stored).*`
  );
}

/** A row of a table out of JSON. */
export function populated(table: string, json: string): string {
  // A NULL of the table's row type; casting to the table's name would mean a built-in type for a table named "point".
  return `json_populate_record((SELECT opledger_row FROM ${table} AS opledger_row WHERE false), ${json})`;
}
