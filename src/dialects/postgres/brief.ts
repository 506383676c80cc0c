import { RESULT_BYTES_MAX } from "../../core/codec.js";
import type { Write } from "../../core/writes.js";
import type { ShapeOptions } from "./shape.js";
import { MARKER, quotePath } from "./sql.js";
import {
  answeredColumns,
  PRIOR_RESULT,
  PRIOR_STATUS,
  partsOf,
  priorOf,
  recording,
  rowBytes,
  storedRow,
} from "./writes.js";

/**
 * The statement that most writes come to first: it writes, or replays, and returns no row where it did neither. What that
 * means is then asked by `writeSql`, which can tell a missing row from a race, and several rows from one: PostgreSQL sets up
 * every part of a statement for each run, also the parts that most runs have no use for.
 */
export function briefSql(ledger: string, write: Write, options: ShapeOptions): string {
  const table = quotePath(write.table);
  const { effect, letter } = partsOf(write, table, options);
  return `
WITH ${priorOf(ledger)},
opledger_effect AS (
  ${effect}
),
opledger_record AS (
  ${recording(ledger, rowBytes(letter, "opledger_effect", options))}
  FROM opledger_effect
  RETURNING result
)
SELECT opledger_filled.status AS "opledger$status", opledger_filled.letter AS "opledger$effect", ${answeredColumns(write, "opledger_filled", options.answer)}
FROM (
  SELECT answer.status, chr(get_byte(answer.result, 1)) AS letter, ${storedRow(table, "answer.result", options.answer)} AS stored
  FROM (
    SELECT 'executed' AS status, CASE WHEN octet_length(record.result) <= ${RESULT_BYTES_MAX} THEN record.result
      ELSE convert_to(CAST('${MARKER.resultTooLarge} ' || octet_length(record.result) AS boolean)::text, 'UTF8') END AS result
    FROM opledger_record AS record
    UNION ALL
    SELECT CASE ${PRIOR_STATUS}, CASE ${PRIOR_RESULT} FROM opledger_prior AS prior
  ) AS answer OFFSET 0
) AS opledger_filled`;
}

/** Whether a write has a brief form. One that may record that it changed nothing has none. */
export function hasBriefForm(write: Write): boolean {
  return write.verb !== "delete" && !(write.verb === "insert" && write.conflict.length > 0);
}
