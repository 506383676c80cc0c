import { EFFECT_LETTER, RESULT_BYTES_MAX } from "../../core/codec.js";
import type { BatchEntry } from "../../core/dialect.js";
import type { Entries, Write } from "../../core/writes.js";
import { valueToJson } from "./json.js";
import type { ShapeOptions } from "./shape.js";
import { MARKER, quote, quotePath } from "./sql.js";
import {
  answered,
  answeredColumns,
  bounded,
  PREVIOUS_WAIT,
  populated,
  RESTORED_WAIT,
  returnedColumns,
  rowBytes,
  storedRow,
} from "./writes.js";

type BatchWrite = Extract<Write, { verb: "insert" | "increment" }>;

/**
 * Many writes of one shape as one JSON parameter, so that the SQL does not depend on how many there are. PostgreSQL
 * itself turns the values into the types of the table's columns.
 */
export function batchJson(entries: readonly BatchEntry[]): string {
  const rows = entries.map(({ operation, write }, position) => {
    const { id, scope, operation: name, key, fingerprint, retentionMs } = operation;
    const identity = { position, id, scope, operation: name, key, fingerprint: fingerprint.toString("hex") };
    const given = givenEntries(batchWrite(write)).map(
      ([column, value]) => `${JSON.stringify(column)}:${valueToJson(value)}`,
    );
    return `${JSON.stringify({ ...identity, retention_ms: retentionMs }).slice(0, -1)},"given":{${given.join(",")}}}`;
  });
  return `[${rows.join(",")}]`;
}

export function batchShape(entries: readonly BatchEntry[], options: ShapeOptions): string {
  const write = batchWrite(entries[0]?.write);
  const columns = write.verb === "insert" ? write.conflict : write.where.map(([column]) => column);
  const given = givenEntries(write).map(([column]) => column);
  const { verb, table, returning } = write;
  return JSON.stringify([
    "many",
    verb,
    table,
    columns,
    given,
    returning ?? null,
    options.redact,
    options.joined,
  ]);
}

/** The place of the columns to redact, among the placeholders of a batch. */
const REDACTED = 3;

/**
 * One statement for many operations. Targets are locked in the order of their keys and ledger rows are written in the
 * order of their ids, so that overlapping batches queue up instead of deadlocking.
 */
export function batchSql(ledger: string, entries: readonly BatchEntry[], options: ShapeOptions): string {
  const write = batchWrite(entries[0]?.write);
  const table = quotePath(write.table);
  const { effects, sound, miss, columns } =
    write.verb === "insert" ? insertParts(write, table, options) : incrementParts(write, table, options);
  return `
WITH ${options.joined ? PREVIOUS_WAIT : ""}
opledger_input AS MATERIALIZED (
  SELECT entry.position, entry.id, entry.scope, entry.operation, entry.key, decode(entry.fingerprint, 'hex') AS fingerprint,
    entry.retention_ms, ${populated(table, "entry.given")} AS given
  FROM json_to_recordset($1::json) AS entry
    (position integer, id uuid, scope text, operation text, key text, fingerprint text, retention_ms float8, given json)
),
opledger_prior AS MATERIALIZED (
  SELECT opledger_ledger.id, opledger_ledger.fingerprint, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM ${ledger} AS opledger_ledger WHERE opledger_ledger.id IN (SELECT input.id FROM opledger_input AS input)
),
opledger_todo AS MATERIALIZED (
  SELECT input.* FROM opledger_input AS input
  WHERE ${bounded("$2", options)} AND input.id <> ALL (ARRAY(SELECT prior.id FROM opledger_prior AS prior))
),
${effects},
opledger_record AS (
  INSERT INTO ${ledger} (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT todo.id, todo.scope, todo.operation, todo.key, todo.fingerprint, 1, done.result, clock_timestamp(),
    clock_timestamp() + todo.retention_ms * interval '1 millisecond'
  FROM opledger_done AS done JOIN opledger_todo AS todo ON todo.position = done."opledger_position"
  WHERE ${sound} AND CASE WHEN octet_length(done.result) <= ${RESULT_BYTES_MAX} THEN true
    ELSE CAST('${MARKER.resultTooLarge} ' || octet_length(done.result) AS boolean) END
  ORDER BY todo.id
  RETURNING id, result
),
opledger_answer AS (
  SELECT input.position,
    CASE WHEN record.id IS NOT NULL THEN 'executed' WHEN prior.expired THEN 'expired'
      WHEN prior.fingerprint <> input.fingerprint THEN 'mismatch' WHEN prior.id IS NOT NULL THEN 'replayed'
      ELSE ${miss} END AS status,
    CASE WHEN record.id IS NOT NULL THEN record.result
      WHEN prior.fingerprint = input.fingerprint AND NOT prior.expired THEN prior.result END AS result
  FROM opledger_input AS input LEFT JOIN opledger_record AS record ON record.id = input.id
    LEFT JOIN opledger_prior AS prior ON prior.id = input.id
)
SELECT filled.position::text AS "opledger$position", filled.status AS "opledger$status", ${columns}${
    options.joined ? `,\n  ${RESTORED_WAIT}` : ""
  }
FROM (
  SELECT answer.position, ${answered("answer.status", "answer.result")} AS status, ${storedRow(table, "answer.result", options.answer)} AS stored
  FROM opledger_answer AS answer OFFSET 0
) AS filled`;
}

interface Parts {
  /** CTEs that end with `opledger_done`: position and result of each write that took effect. */
  readonly effects: string;
  /** A condition that fails the statement where a trigger made the rows other than the batch can account for. */
  readonly sound: string;
  /** The status of a write that took none, as an SQL expression over `input`. */
  readonly miss: string;
  /** The columns of the answer's row. */
  readonly columns: string;
}

/** True, or an error that names the marker. */
function assert(condition: string, marker: string): string {
  return `CASE WHEN ${condition} THEN true ELSE CAST('${marker} ' || done."opledger_position" AS boolean) END`;
}

/**
 * Each operation's row is what its increment left, in the order of the batch: the key and the incremented columns.
 * The counters that the update really left must be the ones computed for the last of them.
 */
function incrementParts(
  write: Extract<Write, { verb: "increment" }>,
  table: string,
  options: ShapeOptions,
): Parts {
  const keys = write.where.map(([column]) => quote(column));
  const counters = write.by.map(([column]) => quote(column));
  const list = (alias: string, columns: readonly string[]): string =>
    columns.map((column) => `${alias}.${column}`).join(", ");
  const matches = (alias: string, given: string): string =>
    keys.map((key) => `${alias}.${key} = (${given}.given).${key}`).join(" AND ");
  const deltas = counters.map((counter, index) => `(todo.given).${counter} AS "opledger_delta_${index}"`);
  const running = counters.map(
    (counter) =>
      `locked.${counter} + sum((todo.given).${counter}) OVER (PARTITION BY ${list("locked", keys)} ORDER BY todo.position) AS ${counter}`,
  );
  const changes = counters.map((counter, index) => `sum(calc."opledger_delta_${index}") AS ${counter}`);
  const kept = counters.map((counter) => `updated.${counter} = locked.${counter} + change.${counter}`);
  const onKeys = (alias: string): string =>
    keys.map((key) => `${alias}.${key} = change.${key}`).join(" AND ");
  return {
    effects: `opledger_locked AS MATERIALIZED (
  SELECT ${list("target", [...keys, ...counters])} FROM ${table} AS target
  WHERE EXISTS (SELECT FROM opledger_todo AS todo WHERE ${matches("target", "todo")})
  ORDER BY ${list("target", keys)} FOR NO KEY UPDATE
),
opledger_calc AS MATERIALIZED (
  SELECT todo.position AS "opledger_position", ${list("locked", keys)}, ${[...running, ...deltas].join(", ")}
  FROM opledger_todo AS todo JOIN opledger_locked AS locked ON ${matches("locked", "todo")}
),
opledger_done AS (
  SELECT calc."opledger_position", (SELECT ${rowBytes(`'${EFFECT_LETTER.updated}'`, "opledger_row", options, REDACTED)}
    FROM (SELECT ${list("calc", [...keys, ...counters])}) AS opledger_row) AS result FROM opledger_calc AS calc OFFSET 0
),
opledger_change AS MATERIALIZED (
  SELECT ${list("calc", keys)}, ${changes.join(", ")} FROM opledger_calc AS calc GROUP BY ${list("calc", keys)}
),
opledger_updated AS (
  UPDATE ${table} AS target SET ${counters.map((counter) => `${counter} = target.${counter} + change.${counter}`).join(", ")}
  FROM opledger_change AS change WHERE ${onKeys("target")}
  RETURNING ${list("target", [...keys, ...counters])}
),
opledger_sound AS MATERIALIZED (
  SELECT (SELECT count(*) = count(DISTINCT calc."opledger_position") FROM opledger_calc AS calc) AS single,
    (SELECT count(*) FROM opledger_change) = (
      SELECT count(*) FROM opledger_change AS change JOIN opledger_locked AS locked ON ${onKeys("locked")}
      JOIN opledger_updated AS updated ON ${onKeys("updated")} WHERE (${kept.join(" AND ")}) IS NOT FALSE
    ) AS kept
)`,
    sound: `${assert("(SELECT single FROM opledger_sound)", MARKER.manyRows)}
    AND ${assert("(SELECT kept FROM opledger_sound)", MARKER.rowsChanged)}`,
    miss: `CASE WHEN EXISTS (SELECT FROM ${table} AS target WHERE ${matches("target", "input")}) THEN 'recheck' ELSE 'not-found' END`,
    columns:
      options.answer === "text"
        ? answeredColumns(write, "filled", options.answer)
        : list("(filled.stored)", [...keys, ...counters]),
  };
}

/**
 * RETURNING cannot tell which input a row came from: without a natural key the rows come in the order they were
 * inserted; with one, the key tells, and of several writes of one key the first is the one that inserted. A trigger that
 * suppresses rows or rewrites keys would make that wrong, so the rows are counted.
 */
function insertParts(write: Extract<Write, { verb: "insert" }>, table: string, options: ShapeOptions): Parts {
  const given = write.values.map(([column]) => quote(column));
  const keys = write.conflict.map(quote);
  const ofTodo = keys.map((key) => `(todo.given).${key}`);
  const order = keys.length === 0 ? "todo.id" : [...ofTodo, "todo.position"].join(", ");
  const store = (letter: string): string => rowBytes(letter, "opledger_row", options, REDACTED);
  const row = (source: string): string => `(SELECT ${returnedColumns(write, source)}) AS opledger_row`;
  const inserted = `opledger_fresh AS (
  INSERT INTO ${table} AS target ${given.length === 0 ? "" : `(${given.join(", ")})`}
  SELECT ${given.map((column) => `(todo.given).${column}`).join(", ")} FROM opledger_todo AS todo ORDER BY ${order}
  ${keys.length === 0 ? "" : `ON CONFLICT (${keys.join(", ")}) DO NOTHING`}
  RETURNING target.*
)`;
  const parts = { miss: "'recheck'", columns: answeredColumns(write, "filled", options.answer) };
  if (keys.length === 0) {
    return {
      ...parts,
      effects: `${inserted},
opledger_done AS (
  SELECT numbered.position AS "opledger_position", (SELECT ${store(`'${EFFECT_LETTER.inserted}'`)} FROM ${row("(made.whole)")}) AS result
  FROM (SELECT todo.position, row_number() OVER (ORDER BY ${order}) AS place FROM opledger_todo AS todo) AS numbered
  JOIN (SELECT opledger_fresh AS whole, row_number() OVER () AS place FROM opledger_fresh) AS made ON made.place = numbered.place
)`,
      sound: assert(
        "(SELECT count(*) FROM opledger_fresh) = (SELECT count(*) FROM opledger_todo)",
        MARKER.rowsChanged,
      ),
    };
  }
  const match = (alias: string, source: string): string =>
    keys.map((key) => `${alias}.${key} = (${source}.given).${key}`).join(" AND ");
  const first = `row_number() OVER (PARTITION BY ${ofTodo.join(", ")} ORDER BY todo.position) = 1`;
  const letter = `CASE WHEN ranked.first THEN '${EFFECT_LETTER.inserted}' ELSE '${EFFECT_LETTER.unchanged}' END`;
  return {
    ...parts,
    effects: `${inserted},
opledger_ranked AS MATERIALIZED (SELECT todo.*, ${first} AS first FROM opledger_todo AS todo),
opledger_done AS (
  SELECT ranked.position AS "opledger_position", (SELECT ${store(letter)} FROM ${row("fresh")}) AS result
  FROM opledger_ranked AS ranked JOIN opledger_fresh AS fresh ON ${match("fresh", "ranked")}
  UNION ALL
  SELECT todo.position, (SELECT ${store(`'${EFFECT_LETTER.unchanged}'`)} FROM ${row("standing")}) AS result
  FROM opledger_todo AS todo JOIN ${table} AS standing ON ${match("standing", "todo")}
)`,
    sound: assert(
      `(SELECT count(*) FROM opledger_fresh)
      = (SELECT count(*) FROM opledger_ranked AS ranked JOIN opledger_fresh AS fresh ON ${match("fresh", "ranked")} WHERE ranked.first)`,
      MARKER.rowsChanged,
    ),
  };
}

function batchWrite(write: Write | undefined): BatchWrite {
  if (write?.verb === "insert" || write?.verb === "increment") return write;
  throw new TypeError("a batch holds inserts or increments");
}

function givenEntries(write: BatchWrite): Entries {
  return write.verb === "insert" ? write.values : [...write.where, ...write.by];
}
