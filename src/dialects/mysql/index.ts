import type {
  Claim,
  ClaimedOperation,
  LedgerRecord,
  LedgerRow,
  Recalled,
  ScriptDialect,
  TableKey,
} from "../../core/dialect.js";
import type { ResultSet, Row, Statement } from "../../core/executor.js";
import { migrateCommand } from "../../core/options.js";
import { addMany, insertMany, madeRows, targetsOf } from "../script/batch.js";
import { plain, prepared } from "../script/grammar.js";
import { lockRow, needsKey, writeStatements } from "../script/writes.js";
import type { LedgerStatement } from "./ledger-statement.js";
import { maintenance } from "./maintenance.js";
import { epochMs, quote, quotePath, STATE } from "./sql.js";
import { MARIADB, MYSQL, type Traits } from "./traits.js";

export interface MysqlDialectOptions {
  /** The database that holds the ledger; the connection's own unless given. */
  readonly schema: string | undefined;
  readonly table: string;
  /** What the server can do; asked each time, since the first connection may have to tell. */
  readonly traits: () => Traits;
}

export type EngineName = "mysql" | "mariadb";

/** MySQL 8.0 and later, and MariaDB 10.11 and later. */
export const TRAITS: Readonly<Record<EngineName, Traits>> = { mysql: MYSQL, mariadb: MARIADB };

/** Sent at the savepoint that a failed work is rolled back to. */
export const MARK_WORK: Statement = plain("SAVEPOINT opledger_work");

/** MySQL and MariaDB, on InnoDB. */
export function mysqlDialect(options: MysqlDialectOptions): ScriptDialect {
  const { schema, table, traits } = options;
  // The longest of the names that the migration makes out of the table's.
  quote(`${table}_expires_at_idx`);
  const ledger = quotePath(schema === undefined ? [table] : [schema, table]);
  const recall = (operation: ClaimedOperation, locking: boolean): LedgerStatement => {
    const { fingerprint } = operation;
    const id = idBytes(operation);
    return {
      ...prepared(recallSql(ledger) + (locking ? LOCKING : ""), [fingerprint, fingerprint, id]),
      parameters: [id, fingerprint, locking ? 1 : 0],
    };
  };
  return {
    singleStatementWrites: false,
    migrateCommand: migrateCommand({ schema, table }),
    claim: (operation) => ({
      ...insertRow(ledger, operation, STATE.claimed, null),
      orElse: recall(operation, true),
    }),
    readClaim: (result) => readRecall(result) ?? (result.affected === 1 ? CLAIMED : { status: "recheck" }),
    complete: (operation, _token, status, result) => completion(ledger, operation, STATE[status], result),
    markWork: MARK_WORK,
    undoWork: plain("ROLLBACK TO SAVEPOINT opledger_work"),
    script: (operation, write, scriptOptions) => ({
      // By locking only where a row stands: else that would lock the gap that every new operation is inserted into.
      prior: recall(operation, scriptOptions.raced === true),
      ...writeStatements(traits(), write, scriptOptions),
    }),
    recall: (operation, options) => recall(operation, options?.locking === true),
    readRecall,
    record: (operation, result) => ({
      ...insertRow(ledger, operation, STATE.completed, result),
      affects: 1,
    }),
    recallMany: (operations) => recallManySql(ledger, operations),
    readRecallMany: ({ rows }) =>
      new Map(
        rows.flatMap((row) => {
          const known = readRecall({ rows: [row], affected: 1 });
          return known === undefined ? [] : [[String(row.opledger_id), known] as const];
        }),
      ),
    recordMany: (records) => insertRows(ledger, records),
    targetsOf: (writes, { locking }) => targetsOf(traits(), writes, locking),
    insertMany: (writes) => insertMany(traits(), writes),
    madeRows: (writes, key) => madeRows(traits(), writes, key),
    addMany: (groups) => addMany(traits(), groups),
    needsKey: (write) => needsKey(traits(), write),
    lock: (table, where) => lockRow(traits(), table, where),
    describe,
    readKey,
    forget: (operation, waiting) =>
      prepared(
        `DELETE FROM ${ledger} WHERE id = ? AND expires_at <= UTC_TIMESTAMP(6) AND state <> ${STATE.claimed}`,
        [idBytes(operation)],
        waiting === undefined ? {} : { waitMs: waiting.waitMs },
      ),
    sweep: (limit) => plain(sweepSql(ledger, limit)),
    inspect: (operation) => prepared(inspectSql(ledger), [idBytes(operation)]),
    readRecord,
    ...maintenance(ledger),
  };
}

const LOCKING = " LOCK IN SHARE MODE";
const CLAIMED: Claim = { status: "claimed", token: "" };

function idBytes({ keyHash }: { readonly keyHash: string }): Buffer {
  return Buffer.from(keyHash, "hex");
}

/** Fails where the ledger's table lacks a column that this version needs. */
export function probe({
  schema,
  table,
}: {
  readonly schema: string | undefined;
  readonly table: string;
}): Statement {
  const ledger = quotePath(schema === undefined ? [table] : [schema, table]);
  return plain(
    `SELECT id, scope, operation, \`key\`, fingerprint, state, result, created_at, expires_at FROM ${ledger} LIMIT 0`,
  );
}

/** Times are the server's, in UTC whatever the session's time zone. */
function insertRow(
  ledger: string,
  operation: ClaimedOperation,
  state: number,
  result: Buffer | null,
): LedgerStatement {
  const { scope, operation: name, key, fingerprint, retentionMs } = operation;
  const id = idBytes(operation);
  const retention = String(retentionMs);
  const row = [scope, name, key, fingerprint, retention];
  return {
    ...prepared(
      `INSERT INTO ${ledger} (id, scope, operation, \`key\`, fingerprint, state, result, created_at, expires_at)
VALUES (?, ?, ?, ?, ?, ${state}, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? * 1000 MICROSECOND)`,
      [id, scope, name, key, fingerprint, result, retention],
    ),
    parameters: state === STATE.claimed ? [id, ...row] : [id, state, result, ...row],
  };
}

/** Gives the claim its result. */
function completion(
  ledger: string,
  operation: Pick<ClaimedOperation, "keyHash">,
  state: number,
  result: Buffer | null,
): LedgerStatement {
  const id = idBytes(operation);
  return {
    ...prepared(
      `UPDATE ${ledger} SET state = ?, result = ? WHERE id = ? AND state = ${STATE.claimed}`,
      [state, result, id],
      { affects: 1 },
    ),
    parameters: [id, state, result, null, null, null, null, null],
  };
}

/** In the order of their ids, so that overlapping batches queue up instead of deadlocking. */
function insertRows(ledger: string, records: readonly LedgerRow[]): Statement {
  const sorted = [...records].sort((a, b) => (a.operation.keyHash < b.operation.keyHash ? -1 : 1));
  const rows = sorted.map(({ operation, result }) => insertRow(ledger, operation, STATE.completed, result));
  const [first] = rows;
  const [head = "", row = ""] = first?.sql.split("\nVALUES ") ?? [];
  return {
    sql: `${head}\nVALUES ${rows.map(() => row).join(",\n")}`,
    values: rows.flatMap(({ values }) => values),
    affects: rows.length,
  };
}

function recallManySql(ledger: string, operations: readonly ClaimedOperation[]): Statement {
  const fingerprints = operations.map(() => "WHEN ? THEN ?").join(" ");
  const given = `CASE id ${fingerprints} END`;
  const pairs = operations.flatMap((operation) => [idBytes(operation), operation.fingerprint]);
  return {
    sql: `SELECT LOWER(HEX(id)) AS opledger_id, CASE WHEN state = ${STATE.claimed} THEN 'unfinished'
  WHEN expires_at <= UTC_TIMESTAMP(6) THEN 'expired' WHEN fingerprint <> ${given} THEN 'mismatch'
  WHEN state = ${STATE.failed} THEN 'failed' ELSE 'completed' END AS status,
  CASE WHEN fingerprint = ${given} THEN result END AS result
FROM ${ledger} WHERE id IN (${operations.map(() => "?").join(", ")})`,
    values: [...pairs, ...pairs, ...operations.map(idBytes)],
  };
}

/** A row in state 0 is shown before anything else of it: nobody may take it over. */
function recallSql(ledger: string): string {
  return `SELECT CASE WHEN state = ${STATE.claimed} THEN 'unfinished' WHEN expires_at <= UTC_TIMESTAMP(6) THEN 'expired'
  WHEN fingerprint <> ? THEN 'mismatch' WHEN state = ${STATE.failed} THEN 'failed' ELSE 'completed' END AS status,
  CASE WHEN fingerprint = ? THEN result END AS result
FROM ${ledger} WHERE id = ?`;
}

function readRecall({ rows: [row] }: ResultSet): Recalled | undefined {
  switch (row?.status) {
    case "completed":
    case "failed":
      if (row.result === null) return { status: "erased" };
      return { status: row.status, result: bytesOf(row.result) };
    case "expired":
    case "mismatch":
    case "unfinished":
      return { status: row.status };
    default:
      return undefined;
  }
}

/** Stored results are UTF-8, so a connection whose `typeCast` makes text of them does no harm. */
function bytesOf(value: unknown): Uint8Array {
  return typeof value === "string" ? Buffer.from(value, "utf8") : (value as Uint8Array);
}

function describe(path: readonly string[]): Statement {
  const table = path.at(-1);
  const schema = path.length > 1 ? path[0] : null;
  return prepared(
    `SELECT COLUMN_NAME AS name, EXTRA AS extra FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND COLUMN_KEY = 'PRI' ORDER BY ORDINAL_POSITION`,
    [schema, table],
  );
}

function readKey({ rows }: ResultSet): TableKey {
  const numbered = rows.find(({ extra }) => /auto_increment/i.test(String(extra)));
  return {
    columns: rows.map(({ name }) => String(name)),
    numbered: numbered === undefined ? undefined : String(numbered.name),
  };
}

/**
 * The rows are chosen and locked in a derived table, since DELETE itself cannot skip those that others have locked. It
 * comes first in the join, or the server may scan, and wait for, the whole ledger.
 */
function sweepSql(ledger: string, limit: number): string {
  return `DELETE swept FROM (
  SELECT id FROM ${ledger} WHERE expires_at <= UTC_TIMESTAMP(6) AND state <> ${STATE.claimed}
  ORDER BY expires_at LIMIT ${Math.trunc(limit)} FOR UPDATE SKIP LOCKED
) AS chosen STRAIGHT_JOIN ${ledger} AS swept FORCE INDEX (PRIMARY) ON swept.id = chosen.id`;
}

function inspectSql(ledger: string): string {
  return `SELECT LOWER(HEX(id)) AS id, scope, operation, \`key\`, LOWER(HEX(fingerprint)) AS fingerprint, result,
  CASE state WHEN ${STATE.failed} THEN 'failed' ELSE 'completed' END AS status,
  ${epochMs("created_at")} AS created_ms, ${epochMs("expires_at")} AS expires_ms,
  CASE WHEN expires_at <= UTC_TIMESTAMP(6) THEN 'true' ELSE 'false' END AS expired
FROM ${ledger} WHERE id = ?`;
}

function readRecord(row: Row): LedgerRecord {
  const hex = String(row.id);
  return {
    id: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
    scope: String(row.scope),
    operation: String(row.operation),
    key: String(row.key),
    fingerprint: Buffer.from(String(row.fingerprint), "hex"),
    status: row.status === "failed" ? "failed" : "completed",
    result: row.result === null ? null : bytesOf(row.result),
    createdAt: new Date(Number(row.created_ms)),
    expiresAt: new Date(Number(row.expires_ms)),
    expired: row.expired === "true",
  };
}
