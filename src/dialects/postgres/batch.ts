import { EFFECT_LETTER, RESULT_BYTES_MAX } from "../../core/codec.js";
import type { BatchEntry } from "../../core/dialect.js";
import type { Entries, Write } from "../../core/writes.js";
import { MARKER, quote, quotePath } from "./sql.js";
import { returnedColumns, rowBytes } from "./writes.js";

type BatchWrite = Extract<Write, { verb: "insert" | "increment" }>;

/**
 * Many writes of one shape as one JSON parameter, so that the SQL does not depend on how many there are. PostgreSQL
 * itself turns the values into the types of the table's columns.
 */
export function batchJson(entries: readonly BatchEntry[]): string {
  return JSON.stringify(
    entries.map(({ operation, write }, position) => ({
      position,
      id: operation.id,
      scope: operation.scope,
      operation: operation.operation,
      key: operation.key,
      fingerprint: operation.fingerprint.toString("hex"),
      retention_ms: operation.retentionMs,
      given: Object.fromEntries(
        givenEntries(batchWrite(write)).map(([column, value]) => [column, jsonValue(value)]),
      ),
    })),
    (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value),
  );
}

export function batchShape(entries: readonly BatchEntry[], redact: boolean): string {
  const write = batchWrite(entries[0]?.write);
  const columns = write.verb === "insert" ? write.conflict : write.where.map(([column]) => column);
  const given = givenEntries(write).map(([column]) => column);
  return JSON.stringify(["many", write.verb, write.table, columns, given, write.returning ?? null, redact]);
}

/**
 * One statement for many operations. Targets are locked in the order of their keys and ledger rows are written in the
 * order of their ids, so that overlapping batches queue up instead of deadlocking.
 */
export function batchSql(ledger: string, entries: readonly BatchEntry[], redact: boolean): string {
  const write = batchWrite(entries[0]?.write);
  const table = quotePath(write.table);
  const parts =
    write.verb === "insert" ? insertParts(write, table, redact) : incrementParts(write, table, redact);
  return `
WITH input AS MATERIALIZED (
  SELECT entry.position, entry.id, entry.scope, entry.operation, entry.key, decode(entry.fingerprint, 'hex') AS fingerprint,
    entry.retention_ms, json_populate_record(NULL::${table}, entry.given) AS given
  FROM json_to_recordset($1::json) AS entry
    (position integer, id uuid, scope text, operation text, key text, fingerprint text, retention_ms float8, given json)
),
prior AS MATERIALIZED (
  SELECT ledger.id, ledger.fingerprint, ledger.result, ledger.expires_at <= clock_timestamp() AS expired
  FROM ${ledger} AS ledger WHERE ledger.id IN (SELECT input.id FROM input)
),
todo AS MATERIALIZED (
  SELECT input.* FROM input
  WHERE (SELECT set_config('lock_timeout', $2::text, true)) IS NOT NULL AND input.id <> ALL (ARRAY(SELECT prior.id FROM prior))
),
${parts.effects},
record AS (
  INSERT INTO ${ledger} (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT todo.id, todo.scope, todo.operation, todo.key, todo.fingerprint, 1, done.result, clock_timestamp(),
    clock_timestamp() + todo.retention_ms * interval '1 millisecond'
  FROM done JOIN todo USING (position)
  WHERE CASE WHEN octet_length(done.result) <= ${RESULT_BYTES_MAX} THEN true
    ELSE CAST('${MARKER.resultTooLarge} ' || octet_length(done.result) AS boolean) END
  ORDER BY todo.id
  RETURNING id, result
),
answer AS (
  SELECT input.position,
    CASE WHEN record.id IS NOT NULL THEN 'executed' WHEN prior.expired THEN 'expired'
      WHEN prior.fingerprint <> input.fingerprint THEN 'mismatch' WHEN prior.id IS NOT NULL THEN 'replayed'
      ELSE ${parts.miss} END AS status,
    CASE WHEN record.id IS NOT NULL THEN record.result
      WHEN prior.fingerprint = input.fingerprint AND NOT prior.expired THEN prior.result END AS result
  FROM input LEFT JOIN record ON record.id = input.id LEFT JOIN prior ON prior.id = input.id
)
SELECT answer.position AS "opledger$position", answer.status AS "opledger$status",
  get_byte(answer.result, 1) AS "opledger$effect", ${parts.columns}
FROM answer LEFT JOIN LATERAL
  json_populate_record(NULL::${table}, convert_from(substring(answer.result FROM 3), 'UTF8')::json) AS stored ON true`;
}

interface Parts {
  /** CTEs that end with `done`: position and result of each write that took effect. */
  readonly effects: string;
  /** The status of a write that took none, as an SQL expression over `input`. */
  readonly miss: string;
  /** The columns of the answer's row. */
  readonly columns: string;
}

/**
 * Each operation's row is what its increment left, in the order of the batch: the key and the incremented columns.
 * Other columns are not read back, since triggers see only the batch's sum.
 */
function incrementParts(write: Extract<Write, { verb: "increment" }>, table: string, redact: boolean): Parts {
  const keys = write.where.map(([column]) => quote(column));
  const counters = write.by.map(([column]) => quote(column));
  const onTarget = (alias: string): string =>
    keys.map((key) => `target.${key} = (${alias}.given).${key}`).join(" AND ");
  const running = counters.map(
    (counter) =>
      `locked.${counter} + sum((todo.given).${counter}) OVER (PARTITION BY ${keys.map((key) => `locked.${key}`).join(", ")}
      ORDER BY todo.position) AS ${counter}`,
  );
  const sums = counters.map((counter, index) => `sum(delta_${index}) AS ${counter}`);
  const deltas = counters.map((counter, index) => `(todo.given).${counter} AS delta_${index}`);
  const row = [...keys, ...counters].map((column) => `calc.${column}`).join(", ");
  return {
    effects: `locked AS MATERIALIZED (
  SELECT ${[...keys, ...counters].map((column) => `target.${column}`).join(", ")} FROM ${table} AS target
  WHERE EXISTS (SELECT FROM todo WHERE ${onTarget("todo")})
  ORDER BY ${keys.map((key) => `target.${key}`).join(", ")} FOR NO KEY UPDATE
),
calc AS MATERIALIZED (
  SELECT todo.position, ${keys.map((key) => `locked.${key}`).join(", ")}, ${running.join(", ")}, ${deltas.join(", ")}
  FROM todo JOIN locked ON ${keys.map((key) => `locked.${key} = (todo.given).${key}`).join(" AND ")}
),
done AS (
  SELECT calc.position, (SELECT ${rowBytes(`'${EFFECT_LETTER.updated}'`, "stored_row", redact, 3)}
    FROM (SELECT ${row}) AS stored_row) AS result FROM calc OFFSET 0
),
updated AS (
  UPDATE ${table} AS target SET ${counters.map((counter) => `${counter} = target.${counter} + change.${counter}`).join(", ")}
  FROM (SELECT ${keys.join(", ")}, ${sums.join(", ")} FROM calc GROUP BY ${keys.join(", ")}) AS change
  WHERE ${keys.map((key) => `target.${key} = change.${key}`).join(" AND ")}
  RETURNING 1
)`,
    miss: `CASE WHEN EXISTS (SELECT FROM ${table} AS target WHERE ${onTarget("input")}) THEN 'recheck' ELSE 'not-found' END`,
    columns: [...keys, ...counters].map((column) => `stored.${column}`).join(", "),
  };
}

/**
 * RETURNING cannot tell which input a row came from: without a natural key the rows come in the order they were
 * inserted; with one, the key tells, and of several writes of one key the first is the one that inserted.
 */
function insertParts(write: Extract<Write, { verb: "insert" }>, table: string, redact: boolean): Parts {
  const given = write.values.map(([column]) => quote(column));
  const keys = write.conflict.map(quote);
  const order =
    keys.length === 0 ? "todo.id" : [...keys.map((key) => `(todo.given).${key}`), "todo.position"].join(", ");
  const inserted = `fresh AS (
  INSERT INTO ${table} AS target (${given.join(", ")})
  SELECT ${given.map((column) => `(todo.given).${column}`).join(", ")} FROM todo ORDER BY ${order}
  ${keys.length === 0 ? "" : `ON CONFLICT (${keys.join(", ")}) DO NOTHING`}
  RETURNING target.*
)`;
  const columns = write.returning?.map((column) => `stored.${quote(column)}`).join(", ") ?? "stored.*";
  const row = (source: string): string => `(SELECT ${returnedColumns(write, source)}) AS stored_row`;
  const store = (letter: string): string => rowBytes(letter, "stored_row", redact, 3);
  if (keys.length === 0) {
    return {
      effects: `${inserted},
done AS (
  SELECT numbered.position, (SELECT ${store(`'${EFFECT_LETTER.inserted}'`)} FROM ${row("(made.whole)")}) AS result
  FROM (SELECT todo.position, row_number() OVER (ORDER BY ${order}) AS place FROM todo) AS numbered
  JOIN (SELECT fresh AS whole, row_number() OVER () AS place FROM fresh) AS made ON made.place = numbered.place
)`,
      miss: "'recheck'",
      columns,
    };
  }
  const match = (alias: string): string =>
    keys.map((key) => `${alias}.${key} = (todo.given).${key}`).join(" AND ");
  const first = `row_number() OVER (PARTITION BY ${keys.map((key) => `(todo.given).${key}`).join(", ")} ORDER BY todo.position) = 1`;
  return {
    effects: `${inserted},
done AS (
  SELECT ranked.position, (SELECT ${store(`CASE WHEN ranked.first THEN '${EFFECT_LETTER.inserted}' ELSE '${EFFECT_LETTER.unchanged}' END`)}
    FROM ${row("fresh")}) AS result
  FROM (SELECT todo.*, ${first} AS first FROM todo) AS ranked
  JOIN fresh ON ${match("fresh").replaceAll("(todo.given)", "(ranked.given)")}
  UNION ALL
  SELECT todo.position, (SELECT ${store(`'${EFFECT_LETTER.unchanged}'`)} FROM ${row("standing")}) AS result
  FROM todo JOIN ${table} AS standing ON ${match("standing")}
)`,
    miss: "'recheck'",
    columns,
  };
}

function batchWrite(write: Write | undefined): BatchWrite {
  if (write?.verb === "insert" || write?.verb === "increment") return write;
  throw new TypeError("a batch holds inserts or increments");
}

function givenEntries(write: BatchWrite): Entries {
  return write.verb === "insert" ? write.values : [...write.where, ...write.by];
}

/** A column's value as JSON that PostgreSQL reads back as the column's own type. */
function jsonValue(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}`;
  }
  // Text, since JSON would make it null.
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}
