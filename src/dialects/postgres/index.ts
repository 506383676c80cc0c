import { EFFECT_LETTER, OtherFormError } from "../../core/codec.js";
import type {
  BatchOptions,
  Claim,
  ClaimedOperation,
  LedgerRecord,
  OneStatementDialect,
  WaitOptions,
  WriteAnswer,
  WriteOptions,
} from "../../core/dialect.js";
import type { ResultSet, Row, Statement } from "../../core/executor.js";
import { migrateCommand } from "../../core/options.js";
import type { Effect } from "../../core/outcome.js";
import type { Write } from "../../core/writes.js";
import { batchJson, batchShape, batchSql } from "./batch.js";
import { briefSql, hasBriefForm, isAsStored, type RowSource } from "./brief.js";
import { maintenance } from "./maintenance.js";
import { type AnswerForm, type Form, joinedNames, pushValues, type ShapeOptions, shapeOf } from "./shape.js";
import { lockTimeout, MARKER, type Prepared, prepared, quotePath, Shapes, STATE } from "./sql.js";
import { lockRow, ROW_TEXT, recallSql, writeSql } from "./writes.js";

export interface PostgresDialectOptions {
  readonly schema: string;
  readonly table: string;
  /** How the rows of bound writes come back; in columns unless given. */
  readonly answer?: AnswerForm;
}

const EFFECT_OF: Readonly<Record<string, Effect>> = Object.fromEntries(
  Object.entries(EFFECT_LETTER).map(([effect, letter]) => [letter, effect as Effect]),
);

/** PostgreSQL 15 to 18. */
export function postgresDialect({
  schema,
  table,
  answer = "columns",
}: PostgresDialectOptions): OneStatementDialect {
  const ledger = quotePath([schema, table]);
  const shapes = new Shapes();
  const fixed = fixedStatements(ledger);
  return {
    singleStatementWrites: true,
    migrateCommand: migrateCommand({ schema: schema === "public" ? undefined : schema, table }),
    claim: (operation, options) =>
      bind(options.fresh ? fixed.claimFresh : fixed.claim, claimValues(operation, options)),
    readClaim,
    complete: ({ id }, token, status, result) => bind(fixed.complete, [id, STATE[status], result, token]),
    markWork: { sql: "SAVEPOINT opledger_work", values: [] },
    undoWork: { sql: "ROLLBACK TO SAVEPOINT opledger_work", values: [] },
    write: (operation, write, options) => {
      const shape = shapeOptions(options, answer, formOf(write, options));
      const sql = shapes.get(shapeOf(write, shape), () =>
        shape.form === "whole"
          ? writeSql(ledger, write, shape)
          : briefSql(ledger, write, shape, firstSource(shape)),
      );
      return bind(sql, boundValues(operation, write, options));
    },
    recall: ({ id, fingerprint }) => bind(fixed.recall, [id, fingerprint]),
    recallWrite: ({ id, fingerprint }, write) => {
      const returning = write.returning === undefined ? "*" : joinedNames(write.returning);
      const shape = `recall ${joinedNames(write.table)}${returning}`;
      return bind(
        shapes.get(shape, () => recallSql(ledger, write, answer)),
        [id, fingerprint],
      );
    },
    readWrite: (result, write) => {
      const read = readAnswer(result.rows[0]);
      const { source } = read;
      if (source === undefined) return read;
      const alike = isAsStored(result.types);
      const better = alike ? "returned" : "rebuilt";
      if (source !== better) {
        for (const form of ["brief", "fresh"] as const) {
          const shape = { form, answer, redact: false, joined: false };
          shapes.set(shapeOf(write, shape), briefSql(ledger, write, shape, better));
        }
      }
      return source === "rebuilt" || alike ? read : { ...read, unlikeStored: true };
    },
    writeMany: (entries, options) => {
      const shape = shapeOptions(options, answer);
      const sql = shapes.get(batchShape(entries, shape), () => batchSql(ledger, entries, shape));
      return bind(sql, [batchJson(entries), lockTimeout(options.waitMs), ...redacted(options)]);
    },
    readWriteMany: (result, count) => readAnswers(result, count),
    lock: (table, where) => lockRow(table, where),
    forget: ({ id }, { waitMs }) => bind(fixed.forget, [id, lockTimeout(waitMs)]),
    sweep: (limit) => bind(fixed.sweep, [limit]),
    inspect: ({ id }) => bind(fixed.inspect, [id]),
    readRecord,
    ...maintenance(ledger),
  };
}

function shapeOptions(
  { redact, joined }: BatchOptions,
  answer: AnswerForm,
  form: Form = "whole",
): ShapeOptions {
  return { redact: redact.length > 0, joined, form, answer };
}

function formOf(write: Write, { first, fresh, joined }: WriteOptions): Form {
  if (!first || joined || !hasBriefForm(write)) return "whole";
  return fresh ? "fresh" : "brief";
}

/** A row of which something is redacted, or which comes as the text that is stored, is no row that a write returns. */
function firstSource({ answer, redact }: ShapeOptions): RowSource | "executed" {
  return answer === "columns" && !redact ? "rebuilt" : "executed";
}

function redacted({ redact }: BatchOptions): unknown[] {
  return redact.length > 0 ? [redact] : [];
}

/** In the order of the placeholders. */
function boundValues(operation: ClaimedOperation, write: Write, options: BatchOptions): unknown[] {
  const given = claimValues(operation, options);
  if (options.redact.length > 0) given.push(options.redact);
  pushValues(write, given);
  return given;
}

function bind({ sql, name }: Prepared, values: readonly unknown[]): Statement {
  return { sql, name, values };
}

function claimValues(operation: ClaimedOperation, { waitMs }: WaitOptions): unknown[] {
  const { id, scope, operation: name, key, fingerprint, retentionMs } = operation;
  return [id, scope, name, key, fingerprint, lockTimeout(waitMs), retentionMs];
}

function fixedStatements(
  ledger: string,
): Record<"claim" | "claimFresh" | "recall" | "complete" | "forget" | "sweep" | "inspect", Prepared> {
  const claimed = (condition: string): string => `claimed AS (
  INSERT INTO ${ledger} (id, scope, operation, key, fingerprint, state, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, ${STATE.claimed}, clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  WHERE ${bounded("$6")}${condition}
  ON CONFLICT (id) DO NOTHING
  RETURNING pg_current_xact_id()::text AS token
)`;
  return {
    // The lock timeout bounds the wait for a concurrent claim, and is the caller's own again once that wait is over.
    claim: prepared(`
WITH ${WAIT},
prior AS (
  SELECT opledger_ledger.fingerprint, opledger_ledger.state, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM ${ledger} AS opledger_ledger WHERE opledger_ledger.id = $1::uuid
),
${claimed(" AND NOT EXISTS (SELECT FROM prior)")}
SELECT claimed.token,
  CASE WHEN prior.state IS NULL OR prior.state = ${STATE.claimed} THEN 'recheck' WHEN prior.expired THEN 'expired'
    WHEN prior.fingerprint <> $5::bytea THEN 'mismatch' WHEN prior.state = ${STATE.failed} THEN 'failed' ELSE 'completed' END AS status,
  CASE WHEN prior.fingerprint = $5::bytea THEN encode(prior.result, 'base64') END AS result, ${RESTORED}
FROM wait LEFT JOIN prior ON true LEFT JOIN claimed ON true`),
    claimFresh: prepared(`
WITH ${WAIT},
${claimed("")}
SELECT claimed.token, 'open' AS status, ${RESTORED} FROM wait LEFT JOIN claimed ON true`),
    recall: prepared(`
SELECT NULL AS token, CASE WHEN opledger_ledger.state = ${STATE.claimed} THEN 'recheck' WHEN opledger_ledger.expires_at <= clock_timestamp() THEN 'expired'
    WHEN opledger_ledger.fingerprint <> $2::bytea THEN 'mismatch' WHEN opledger_ledger.state = ${STATE.failed} THEN 'failed' ELSE 'completed' END AS status,
  CASE WHEN opledger_ledger.fingerprint = $2::bytea THEN encode(opledger_ledger.result, 'base64') END AS result
FROM ${ledger} AS opledger_ledger WHERE opledger_ledger.id = $1::uuid`),
    // Fails, and so turns the COMMIT sent with it into a ROLLBACK, unless this is the very transaction that claimed.
    complete: prepared(`
WITH done AS (
  UPDATE ${ledger} SET state = $2::smallint, result = $3::bytea
  WHERE id = $1::uuid AND state = ${STATE.claimed} AND pg_current_xact_id()::text = $4::text
  RETURNING 1
)
SELECT CASE count(*) WHEN 1 THEN 1 ELSE CAST('${MARKER.notOurs} ' || count(*) AS integer) END FROM done`),
    forget: prepared(`
WITH ${WAIT},
gone AS (
  DELETE FROM ${ledger} WHERE id = $1::uuid AND expires_at <= clock_timestamp() AND ${bounded("$2")} RETURNING 1
)
SELECT ${RESTORED} FROM wait LEFT JOIN gone ON true`),
    sweep: prepared(`
DELETE FROM ${ledger} WHERE id = ANY (ARRAY(
  SELECT opledger_ledger.id FROM ${ledger} AS opledger_ledger
  WHERE opledger_ledger.expires_at <= statement_timestamp() AND opledger_ledger.state <> ${STATE.claimed}
  LIMIT $1::integer FOR UPDATE SKIP LOCKED
))`),
    inspect: prepared(`
SELECT opledger_ledger.id::text, opledger_ledger.scope, opledger_ledger.operation, opledger_ledger.key,
  encode(opledger_ledger.fingerprint, 'hex') AS fingerprint, encode(opledger_ledger.result, 'base64') AS result,
  CASE opledger_ledger.state WHEN ${STATE.failed} THEN 'failed' ELSE 'completed' END AS status,
  (extract(epoch FROM opledger_ledger.created_at) * 1000)::text AS created_ms,
  (extract(epoch FROM opledger_ledger.expires_at) * 1000)::text AS expires_ms,
  (opledger_ledger.expires_at <= clock_timestamp())::text AS expired
FROM ${ledger} AS opledger_ledger WHERE opledger_ledger.id = $1::uuid`),
  };
}

/** Remembers the lock timeout before it is set, sets it, and gives it back after the wait. */
const WAIT = "wait AS MATERIALIZED (SELECT current_setting('lock_timeout') AS previous)";

function bounded(timeout: string): string {
  return `(SELECT set_config('lock_timeout', ${timeout}::text, true) FROM wait WHERE previous IS NOT NULL) IS NOT NULL`;
}

/** Beside a join with whatever had to wait, so that it comes after. */
const RESTORED = "set_config('lock_timeout', wait.previous, true) AS restored";

function readClaim({ rows: [row] }: ResultSet): Claim {
  if (typeof row?.token === "string") return { status: "claimed", token: row.token };
  switch (row?.status) {
    case "completed":
    case "failed":
      if (row.result === null) return { status: "erased" };
      return { status: row.status, result: bytesOf(row.result, "base64") };
    case "expired":
    case "mismatch":
    case "open":
      return { status: row.status };
    default:
      return { status: "recheck" };
  }
}

/** An answer, and where its row is from where that may change. */
type SourcedAnswer = WriteAnswer & { readonly source?: RowSource };

function readAnswer(answer: Row | undefined): SourcedAnswer {
  if (answer === undefined) return { status: "open" };
  const { opledger$status: said, opledger$restored: _, ...row } = answer;
  const [status, detail] = firstWord(String(said));
  switch (status) {
    case "rebuilt":
    case "returned":
      return { status: "executed", effect: effectOf(detail, undefined), row, source: status };
    case "executed":
    case "replayed":
      if (detail === "") return { status: "erased" };
      return { status, effect: effectOf(detail, row[ROW_TEXT]), row };
    case "mismatch":
    case "not-found":
    case "expired":
      return { status };
    case "version-conflict":
      return { status, actual: detail === "" ? null : wholeNumber(detail) };
    default:
      return { status: "recheck" };
  }
}

function firstWord(text: string): [word: string, rest: string] {
  const space = text.indexOf(" ");
  return space < 0 ? [text, ""] : [text.slice(0, space), text.slice(space + 1)];
}

/** @throws {OtherFormError} what is stored is the result of work, and no row */
function effectOf(letter: unknown, text: unknown): Effect {
  const effect = EFFECT_OF[String(letter)];
  const isRow = typeof text !== "string" || text.startsWith("{");
  if (effect === undefined || !isRow) throw new OtherFormError();
  return effect;
}

function readAnswers({ rows }: ResultSet, count: number): readonly WriteAnswer[] {
  const answers: WriteAnswer[] = Array.from({ length: count }, () => ({ status: "recheck" }));
  for (const { opledger$position: position, ...row } of rows) answers[Number(position)] = readAnswer(row);
  return answers;
}

function bytesOf(text: unknown, encoding: "hex" | "base64"): Uint8Array {
  return Buffer.from(String(text), encoding);
}

function wholeNumber(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** Bytes, times and flags come as text, since the caller's driver may parse any other type in a way of its own. */
function readRecord(row: Row): LedgerRecord {
  return {
    id: String(row.id),
    scope: String(row.scope),
    operation: String(row.operation),
    key: String(row.key),
    fingerprint: bytesOf(row.fingerprint, "hex"),
    status: row.status === "failed" ? "failed" : "completed",
    result: row.result === null ? null : bytesOf(row.result, "base64"),
    createdAt: new Date(Number(row.created_ms)),
    expiresAt: new Date(Number(row.expires_ms)),
    expired: row.expired === "true",
  };
}

export { ROW_TEXT } from "./writes.js";
