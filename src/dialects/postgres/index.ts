import { EFFECT_LETTER } from "../../core/codec.js";
import type {
  Claim,
  ClaimedOperation,
  LedgerRecord,
  OneStatementDialect,
  WaitOptions,
  WriteAnswer,
} from "../../core/dialect.js";
import type { ResultSet, Row, Statement } from "../../core/executor.js";
import type { Effect } from "../../core/outcome.js";
import { batchJson, batchShape, batchSql } from "./batch.js";
import { lockTimeout, MARKER, type Prepared, prepared, quotePath, Shapes } from "./sql.js";
import { shapeOf, writeSql, writeValues } from "./writes.js";

export interface PostgresDialectOptions {
  readonly schema: string;
  readonly table: string;
}

const STATE = { claimed: 0, completed: 1, failed: 2 } as const;

/** By the code of its letter. */
const EFFECT_OF: Readonly<Record<string, Effect>> = Object.fromEntries(
  Object.entries(EFFECT_LETTER).map(([effect, letter]) => [letter.charCodeAt(0), effect as Effect]),
);

/** PostgreSQL 15 to 18. */
export function postgresDialect({ schema, table }: PostgresDialectOptions): OneStatementDialect {
  const ledger = quotePath([schema, table]);
  const shapes = new Shapes();
  const fixed = fixedStatements(ledger);
  return {
    singleStatementWrites: true,
    migrateCommand:
      'psql "$DATABASE_URL" -f node_modules/opledger/migrations/postgres/0001_operations.up.sql',
    claim: (operation, options) => bind(fixed.claim, claimValues(operation, options)),
    readClaim,
    complete: ({ id }, token, status, result) => bind(fixed.complete, [id, STATE[status], result, token]),
    markWork: { sql: "SAVEPOINT opledger_work", values: [] },
    undoWork: { sql: "ROLLBACK TO SAVEPOINT opledger_work", values: [] },
    write: (operation, write, options) => {
      const redact = options.redact.length > 0;
      const sql = shapes.get(shapeOf(write, redact), () => writeSql(ledger, write, redact));
      return bind(sql, [
        ...claimValues(operation, options),
        ...(redact ? [options.redact] : []),
        ...writeValues(write),
      ]);
    },
    readWrite: (result) => readAnswer(result.rows[0]),
    writeMany: (entries, options) => {
      const redact = options.redact.length > 0;
      const { sql } = shapes.get(batchShape(entries, redact), () => batchSql(ledger, entries, redact));
      // Unnamed: under a generic plan the statement's cost would grow with the square of the batch.
      return {
        sql,
        values: [batchJson(entries), lockTimeout(options.waitMs), ...(redact ? [options.redact] : [])],
      };
    },
    readWriteMany: (result, count) => readAnswers(result, count),
    forget: ({ id }) => bind(fixed.forget, [id]),
    sweep: (limit) => bind(fixed.sweep, [limit]),
    inspect: ({ id }) => bind(fixed.inspect, [id]),
    readRecord,
  };
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
): Record<"claim" | "complete" | "forget" | "sweep" | "inspect", Prepared> {
  return {
    // The lock timeout bounds the wait for a concurrent claim, and is the caller's own again once that wait is over.
    claim: prepared(`
WITH guard AS MATERIALIZED (
  SELECT current_setting('lock_timeout') AS previous, set_config('lock_timeout', $6::text, true) AS set
),
prior AS (
  SELECT fingerprint, state, result, expires_at <= clock_timestamp() AS expired FROM ${ledger} WHERE id = $1::uuid
),
claimed AS (
  INSERT INTO ${ledger} (id, scope, operation, key, fingerprint, state, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, ${STATE.claimed}, clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  FROM guard WHERE guard.set IS NOT NULL AND NOT EXISTS (SELECT FROM prior)
  ON CONFLICT (id) DO NOTHING
  RETURNING pg_current_xact_id()::text AS token
)
SELECT (SELECT token FROM claimed) AS token,
  CASE WHEN prior.state IS NULL OR prior.state = ${STATE.claimed} THEN 'recheck' WHEN prior.expired THEN 'expired'
    WHEN prior.fingerprint <> $5::bytea THEN 'mismatch' WHEN prior.state = ${STATE.failed} THEN 'failed' ELSE 'completed' END AS status,
  CASE WHEN prior.fingerprint = $5::bytea THEN prior.result END AS result,
  set_config('lock_timeout', CASE WHEN (SELECT count(*) FROM claimed) >= 0 THEN guard.previous END, true) AS restored
FROM guard LEFT JOIN prior ON true`),
    // Fails, and so turns the COMMIT sent with it into a ROLLBACK, unless this is the very transaction that claimed.
    complete: prepared(`
WITH done AS (
  UPDATE ${ledger} SET state = $2::smallint, result = $3::bytea
  WHERE id = $1::uuid AND state = ${STATE.claimed} AND pg_current_xact_id()::text = $4::text
  RETURNING 1
)
SELECT CASE count(*) WHEN 1 THEN 1 ELSE CAST('${MARKER.notOurs} ' || count(*) AS integer) END FROM done`),
    forget: prepared(`DELETE FROM ${ledger} WHERE id = $1::uuid AND expires_at <= clock_timestamp()`),
    sweep: prepared(`
DELETE FROM ${ledger} WHERE id = ANY (ARRAY(
  SELECT id FROM ${ledger} WHERE expires_at <= statement_timestamp() AND state <> ${STATE.claimed}
  LIMIT $1::integer FOR UPDATE SKIP LOCKED
))`),
    inspect: prepared(`
SELECT id::text, scope, operation, key, fingerprint, result,
  CASE state WHEN ${STATE.failed} THEN 'failed' ELSE 'completed' END AS status,
  (extract(epoch FROM created_at) * 1000)::text AS created_ms, (extract(epoch FROM expires_at) * 1000)::text AS expires_ms,
  (expires_at <= clock_timestamp())::text AS expired
FROM ${ledger} WHERE id = $1::uuid`),
  };
}

function readClaim({ rows: [row] }: ResultSet): Claim {
  if (typeof row?.token === "string") return { status: "claimed", token: row.token };
  switch (row?.status) {
    case "completed":
    case "failed":
      return { status: row.status, result: row.result as Uint8Array };
    case "expired":
    case "mismatch":
      return { status: row.status };
    default:
      return { status: "recheck" };
  }
}

function readAnswer(answer: Row | undefined): WriteAnswer {
  if (answer === undefined) return { status: "recheck" };
  const { opledger$status: said, opledger$effect: letter, ...row } = answer;
  const [status, actual] = String(said).split(" ");
  switch (status) {
    case "executed":
    case "replayed":
      return { status, effect: EFFECT_OF[String(letter)] ?? "unchanged", row };
    case "version-conflict":
      return { status, actual: wholeNumber(String(actual)) };
    case "mismatch":
    case "not-found":
    case "expired":
      return { status };
    default:
      return { status: "recheck" };
  }
}

function readAnswers({ rows }: ResultSet, count: number): readonly WriteAnswer[] {
  const answers: WriteAnswer[] = Array.from({ length: count }, () => ({ status: "recheck" }));
  for (const { opledger$position: position, ...row } of rows) answers[Number(position)] = readAnswer(row);
  return answers;
}

function wholeNumber(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** Times and flags come as text, since the caller's driver may parse any other type in a way of its own. */
function readRecord(row: Row): LedgerRecord {
  return {
    id: String(row.id),
    scope: String(row.scope),
    operation: String(row.operation),
    key: String(row.key),
    fingerprint: row.fingerprint as Uint8Array,
    status: row.status === "failed" ? "failed" : "completed",
    result: row.result as Uint8Array | null,
    createdAt: new Date(Number(row.created_ms)),
    expiresAt: new Date(Number(row.expires_ms)),
    expired: row.expired === "true",
  };
}
