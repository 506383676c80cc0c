import { RESULT_BYTES_MAX } from "../../core/codec.js";
import type { Write } from "../../core/writes.js";
import type { ShapeOptions } from "./shape.js";
import { MARKER, quotePath } from "./sql.js";
import {
  answered,
  answeredColumns,
  PRIOR_RESULT,
  PRIOR_STATUS,
  partsOf,
  priorOf,
  recording,
  rowBytes,
  storedRow,
} from "./writes.js";

/** Where a brief statement has the row of a first run from: rebuilt from what was stored, or as the write returned it. */
export type RowSource = "rebuilt" | "returned";

/**
 * The statement that most writes come to first: it writes, or replays, and returns no row where it did neither. What that
 * means is then asked by `writeSql`, which can tell a missing row from a race, and several rows from one: PostgreSQL sets up
 * every part of a statement for each run, also the parts that most runs have no use for. In the form `fresh` that goes for the
 * replay, too: a repeat finds the earlier run and writes nothing, but hears of it from `writeSql`.
 *
 * The status of a first run is the row's source. To rebuild it takes as long as to look for an earlier run, and it is the
 * returned one all the same where {@link isAsStored}; but whether PostgreSQL can rebuild it at all, only the attempt tells.
 */
export function briefSql(
  ledger: string,
  write: Write,
  options: ShapeOptions,
  source: RowSource | "executed",
): string {
  const table = quotePath(write.table);
  const { effect, letter } = partsOf(write, table, options);
  const replays = options.form !== "fresh";
  const answers: string[] = [];
  const stored: string[] = [];
  if (source === "returned")
    answers.push(
      `SELECT 'returned ' || ${letter} AS "opledger$status", opledger_effect.* FROM opledger_effect`,
    );
  else stored.push(`SELECT '${source}' AS status, record.result FROM opledger_record AS record`);
  if (replays)
    stored.push(
      `SELECT CASE ${PRIOR_STATUS} AS status, CASE ${PRIOR_RESULT} AS result FROM opledger_prior AS prior`,
    );
  if (stored.length > 0)
    answers.push(`SELECT opledger_filled.status AS "opledger$status", ${answeredColumns(write, "opledger_filled", options.answer)}
FROM (
  SELECT ${answered("answer.status", "answer.result")} AS status, ${storedRow(table, "answer.result", options.answer)} AS stored
  FROM (${stored.join("\n    UNION ALL ")}) AS answer OFFSET 0
) AS opledger_filled`);
  return `
WITH ${replays ? priorOf(ledger) : `opledger_prior AS (SELECT FROM ${ledger} AS opledger_ledger WHERE opledger_ledger.id = $1::uuid)`},
opledger_effect AS (
  ${effect}
),
opledger_record AS (
  ${recording(ledger, rowBytes(letter, "opledger_effect", options))}
  FROM opledger_effect
  RETURNING result,
    CASE WHEN octet_length(result) > ${RESULT_BYTES_MAX} THEN CAST('${MARKER.resultTooLarge} ' || octet_length(result) AS boolean) END
)
${answers.join("\nUNION ALL\n")}`;
}

/** Whether a write has a brief form. One that may record that it changed nothing has none. */
export function hasBriefForm(write: Write): boolean {
  return write.verb !== "delete" && !(write.verb === "insert" && write.conflict.length > 0);
}

/**
 * Types of which a value read back from its JSON prints as it did before: what JSON holds of it is what it prints, in a
 * spelling that its input function takes. It is not so of arrays, whose bounds are lost, of json, whose null becomes the
 * column's, and of types with a form of JSON of their own, such as hstore; nor is it known of the types that a database has
 * of its own. A domain goes by the type below it.
 *
 * @see https://www.postgresql.org/docs/current/catalog-pg-type.html
 */
const AS_STORED: ReadonlySet<number> = new Set([
  16, // boolean
  17, // bytea
  19, // name
  20, // bigint
  21, // smallint
  23, // integer
  25, // text
  26, // oid
  700, // real
  701, // double precision
  1042, // character
  1043, // character varying
  1082, // date
  1083, // time
  1114, // timestamp
  1184, // timestamp with time zone
  1266, // time with time zone
  1700, // numeric
  2950, // uuid
]);

/** Whether a returned row is the one that a replay will read, as far as the types of its columns can say. */
export function isAsStored(types: readonly number[] | undefined): boolean {
  if (types === undefined || types.length === 0) return false;
  for (const type of types) if (!AS_STORED.has(type)) return false;
  return true;
}
