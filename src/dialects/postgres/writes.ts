import { EFFECT_LETTER, FORMAT, RESULT_BYTES_MAX } from "../../core/codec.js";
import type { Statement } from "../../core/executor.js";
import { type Entries, Expression, type Write } from "../../core/writes.js";
import { type AnswerForm, bound, type ShapeOptions } from "./shape.js";
import { MARKER, Parameters, quote, quotePath } from "./sql.js";

/** The placeholders that every bound write starts with, $1 to $7, and $8 where there is something to redact. */
const COMMON_VALUES = 7;

/** The parts in which one verb's statement differs from another's. */
interface Parts {
  /** The CTE `effect`: the write itself, returning the rows it left or removed. */
  readonly effect: string;
  /** The effect's letter, as an SQL expression. */
  readonly letter: string;
  /** What is recorded where `effect` returned no row, as an SQL expression of type bytea. */
  readonly otherwise?: string;
  /** The status where nothing was recorded, as an SQL expression; a version conflict names the actual version. */
  readonly miss: string;
}

/**
 * One statement, run as a transaction of its own: the write comes first and the ledger row last, with the row that the
 * write left. A concurrent duplicate fails on the ledger's index, which undoes the whole statement; run once more it
 * replays. The answer is rebuilt from the stored bytes on the first run and on every replay, so that both are typed
 * alike. The status `recheck` means that the snapshot showed a row which was then gone or changed: run it again.
 *
 * OFFSET 0 keeps the planner from pulling a subquery up, which would evaluate its expressions once per mention. Every name
 * of ours starts with `opledger_`, since a name in a query means a column, then a CTE, and only then the caller's table.
 */
export function writeSql(ledger: string, write: Write, options: ShapeOptions): string {
  const table = quotePath(write.table);
  const { effect, letter, otherwise, miss } = partsOf(write, table, options);
  const columns = answeredColumns(write, "opledger_filled", options.answer);
  const recorded = `(SELECT ${rowBytes(letter, "opledger_effect", options)} FROM opledger_effect)`;
  return `
WITH ${priorOf(ledger)},${options.joined ? PREVIOUS_WAIT : ""}
opledger_effect AS (
  ${effect}
),
opledger_record AS (
  ${recording(ledger, "done.result")}
  FROM (SELECT ${otherwise === undefined ? recorded : `coalesce(${recorded}, ${otherwise})`} AS result OFFSET 0) AS done
  WHERE NOT EXISTS (SELECT FROM opledger_prior) AND CASE WHEN octet_length(done.result) <= ${RESULT_BYTES_MAX} THEN true
    WHEN done.result IS NULL THEN false ELSE CAST('${MARKER.resultTooLarge} ' || octet_length(done.result) AS boolean) END
  RETURNING result
),
opledger_answer AS (
  SELECT CASE WHEN record.result IS NOT NULL THEN 'executed' WHEN prior.same IS NULL THEN (${miss})
      ${PRIOR_STATUS} AS status,
    CASE WHEN prior.same IS NULL THEN record.result ${PRIOR_RESULT} AS result
  FROM (SELECT) AS one LEFT JOIN opledger_record AS record ON true LEFT JOIN opledger_prior AS prior ON true
)
SELECT opledger_filled.status AS "opledger$status", ${columns}${options.joined ? `,\n  ${RESTORED_WAIT}` : ""}
FROM (
  SELECT ${answered("answer.status", "answer.result")} AS status, ${storedRow(table, "answer.result", options.answer)} AS stored
  FROM opledger_answer AS answer OFFSET 0
) AS opledger_filled`;
}

/** The CTE of an earlier run of the operation. */
export function priorOf(ledger: string): string {
  return `opledger_prior AS (
  SELECT opledger_ledger.fingerprint = $5::bytea AS same, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM ${ledger} AS opledger_ledger WHERE opledger_ledger.id = $1::uuid
)`;
}

/** What an earlier run answers, as the rest of a CASE. */
export const PRIOR_STATUS: string =
  "WHEN prior.expired THEN 'expired' WHEN prior.same THEN 'replayed' ELSE 'mismatch' END";
export const PRIOR_RESULT: string = "WHEN prior.same AND NOT prior.expired THEN prior.result END";

/** A status, and behind it the letter of the effect where there is a stored row. */
export function answered(status: string, result: string): string {
  return `${status} || coalesce(' ' || chr(get_byte(${result}, 1)), '')`;
}

/** The insertion of the ledger row, up to its FROM. */
export function recording(ledger: string, result: string): string {
  return `INSERT INTO ${ledger} (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 1, ${result}, clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'`;
}

/** The read that replays a write; answers in the columns of {@link writeSql}. */
export function recallSql(ledger: string, write: Write, answer: AnswerForm): string {
  const columns = answeredColumns(write, "filled", answer);
  return `
SELECT filled.status AS "opledger$status", ${columns}
FROM (
  SELECT CASE WHEN opledger_ledger.expires_at <= clock_timestamp() THEN 'expired'
      WHEN opledger_ledger.fingerprint = $2::bytea THEN ${answered("'replayed'", "opledger_ledger.result")}
      ELSE 'mismatch' END AS status,
    CASE WHEN opledger_ledger.fingerprint = $2::bytea THEN ${storedRow(quotePath(write.table), "opledger_ledger.result", answer)} END AS stored
  FROM ${ledger} AS opledger_ledger WHERE opledger_ledger.id = $1::uuid OFFSET 0
) AS filled`;
}

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

export function partsOf(write: Write, table: string, options: ShapeOptions): Parts {
  const parameters = new Parameters(COMMON_VALUES + (options.redact ? 2 : 1));
  const returned = returnedColumns(write, "target");
  const unclaimed = `NOT EXISTS (SELECT FROM opledger_prior) AND ${bounded("$6", options)}`;
  switch (write.verb) {
    case "insert":
      return insertParts(write, table, { returned, unclaimed, parameters, options });
    case "upsert":
      return upsertParts(write, table, { returned, unclaimed, parameters, options });
    case "update":
      return updateParts(write, table, { returned, unclaimed, parameters, options });
    case "increment": {
      const set = sums(write.by, parameters);
      const where = equals("target", write.where, parameters);
      return updatingParts(table, set.join(", "), where, unclaimed, returned);
    }
    case "delete": {
      const where = equals("target", write.where, parameters);
      const absent = `NOT EXISTS (SELECT FROM ${table} AS target WHERE ${where})`;
      return {
        effect: `DELETE FROM ${table} AS target WHERE ${where} AND ${unclaimed} RETURNING ${returned}`,
        letter: `'${EFFECT_LETTER.deleted}'`,
        otherwise: `CASE WHEN ${absent} THEN ${bytes(`'${EFFECT_LETTER.unchanged}'`)} END`,
        miss: RECHECK,
      };
    }
  }
}

/** Remembers the caller's lock timeout, and gives it back once every wait is over. */
export const PREVIOUS_WAIT: string = `
opledger_wait AS MATERIALIZED (SELECT current_setting('lock_timeout') AS previous),`;
export const RESTORED_WAIT: string = `set_config('lock_timeout', (SELECT previous FROM opledger_wait), true) AS "opledger$restored"`;

/** Bounds the statement's own waits for locks; evaluated once, before any row is touched. */
export function bounded(timeout: string, { joined }: ShapeOptions): string {
  const from = joined ? " FROM opledger_wait WHERE previous IS NOT NULL" : "";
  return `(SELECT set_config('lock_timeout', ${timeout}::text, true)${from}) IS NOT NULL`;
}

/** What the parts of every statement share. */
interface Shared {
  readonly returned: string;
  /** The condition under which the write may happen at all. */
  readonly unclaimed: string;
  readonly parameters: Parameters;
  readonly options: ShapeOptions;
}

const RECHECK = "'recheck'";

function insertParts(
  write: Extract<Write, { verb: "insert" }>,
  table: string,
  { returned, unclaimed, parameters, options }: Shared,
): Parts {
  const placeholders = write.values.map(([, value]) => placed(value, parameters));
  // A SELECT of no columns inserts a row of defaults, which DEFAULT VALUES could not make conditional.
  const columns =
    write.values.length === 0 ? "" : `(${write.values.map(([column]) => quote(column)).join(", ")})`;
  const natural = write.values
    .map(([column], index) => ({ column, placeholder: placeholders[index] }))
    .filter(({ column }) => write.conflict.includes(column))
    .map(({ column, placeholder }) => `target.${quote(column)} = ${placeholder}`);
  const standing = `SELECT ${returned} FROM ${table} AS target WHERE ${natural.join(" AND ")}`;
  return {
    effect: `INSERT INTO ${table} AS target ${columns} SELECT ${placeholders.join(", ")} WHERE ${unclaimed}${natural.length === 0 ? "" : `\n  ON CONFLICT (${write.conflict.map(quote).join(", ")}) DO NOTHING`}
  RETURNING ${returned}`,
    letter: `'${EFFECT_LETTER.inserted}'`,
    ...(natural.length > 0 && {
      otherwise: `(SELECT ${rowBytes(`'${EFFECT_LETTER.unchanged}'`, "opledger_standing", options)}
      FROM (${standing}) AS opledger_standing)`,
    }),
    miss: RECHECK,
  };
}

/**
 * Whether the row was inserted or updated is noted in a setting by the DO UPDATE's own condition, which runs only on a
 * conflict, once the row is locked. The usual `xmax = 0` does not work on partitioned tables.
 */
function upsertParts(
  write: Extract<Write, { verb: "upsert" }>,
  table: string,
  { returned, unclaimed, parameters }: Shared,
): Parts {
  const columns = write.values.map(([column]) => quote(column)).join(", ");
  const given = write.values.map(([, value]) => placed(value, parameters)).join(", ");
  const taken = write.update.map((column) => `${quote(column)} = EXCLUDED.${quote(column)}`);
  const further = [...assigned(write.set ?? [], parameters), ...sums(write.by ?? [], parameters)];
  const set = [...taken, ...further].join(", ");
  return {
    effect: `INSERT INTO ${table} AS target (${columns})
  SELECT ${given}
  WHERE ${unclaimed} AND (SELECT set_config('opledger.effect', '${EFFECT_LETTER.inserted}', true)) IS NOT NULL
  ON CONFLICT (${write.conflict.map(quote).join(", ")}) DO UPDATE SET ${set}
  WHERE set_config('opledger.effect', '${EFFECT_LETTER.updated}', true) IS NOT NULL
  RETURNING ${returned}`,
    letter: "current_setting('opledger.effect')",
    miss: RECHECK,
  };
}

function updateParts(
  write: Extract<Write, { verb: "update" }>,
  table: string,
  { returned, unclaimed, parameters }: Shared,
): Parts {
  const set = [...assigned(write.set, parameters), ...sums(write.by ?? [], parameters)];
  const where = equals("target", write.where, parameters);
  if (write.version === undefined) return updatingParts(table, set.join(", "), where, unclaimed, returned);
  const version = quote(write.version.column);
  const expected = parameters.next();
  const parts = updatingParts(
    table,
    [...set, `${version} = target.${version} + 1`].join(", "),
    where,
    `target.${version} = ${expected} AND ${unclaimed}`,
    returned,
  );
  // The snapshot's version tells a final conflict from a race: at the expected version, somebody won just now,
  // and it may have been this very operation.
  const miss = `SELECT coalesce(
        (SELECT CASE WHEN target.${version} = ${expected} THEN 'recheck' ELSE 'version-conflict ' || coalesce(target.${version}::text, '') END
         FROM ${table} AS target WHERE ${where}), 'not-found')`;
  return { ...parts, miss };
}

function assigned(set: Entries, parameters: Parameters): string[] {
  return set.map(([column, value]) => `${quote(column)} = ${placed(value, parameters)}`);
}

/** A miss is final only where the snapshot, too, showed no row; otherwise a concurrent run changed it. */
function updatingParts(table: string, set: string, where: string, and: string, returned: string): Parts {
  return {
    effect: `UPDATE ${table} AS target SET ${set}
  WHERE ${where} AND ${and} RETURNING ${returned}`,
    letter: `'${EFFECT_LETTER.updated}'`,
    miss: `CASE WHEN EXISTS (SELECT FROM ${table} AS target WHERE ${where}) THEN 'recheck' ELSE 'not-found' END`,
  };
}

export function returnedColumns(write: Write, alias: string): string {
  return write.returning?.map((column) => `${alias}.${quote(column)}`).join(", ") ?? `${alias}.*`;
}

/** A stored row: format, letter of the effect, then the row as JSON. `redact` is the place of the columns to leave out. */
export function rowBytes(
  letter: string,
  row: string,
  { redact }: Pick<ShapeOptions, "redact">,
  place: number = COMMON_VALUES + 1,
): string {
  const json = redact ? `(to_jsonb(${row}) - $${place}::text[])` : `row_to_json(${row})`;
  return bytes(`${letter} || ${json}::text`);
}

function bytes(text: string): string {
  return `convert_to(chr(${FORMAT.row}) || ${text}, 'UTF8')`;
}

function equals(alias: string, where: Entries, parameters: Parameters): string {
  return where
    .map(([column, value]) =>
      value === null
        ? `${alias}.${quote(column)} IS NULL`
        : `${alias}.${quote(column)} = ${parameters.next()}`,
    )
    .join(" AND ");
}

function sums(by: Entries, parameters: Parameters): string[] {
  return by.map(([column]) => `${quote(column)} = target.${quote(column)} + ${parameters.next()}`);
}

function placed(value: unknown, parameters: Parameters): string {
  return value instanceof Expression ? `(${value.sql})` : parameters.next();
}

export function lockRow(table: readonly string[], where: Entries): Statement {
  const sql = `SELECT 1 AS locked FROM ${quotePath(table)} AS target WHERE ${equals("target", where, new Parameters(1))} FOR UPDATE`;
  return { sql, values: bound(where).map(([, value]) => value) };
}
