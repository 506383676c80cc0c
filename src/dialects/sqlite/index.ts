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
import { plain, prepared, quotePath } from "../script/grammar.js";
import { needsKey, writeStatements } from "../script/writes.js";
import { maintenance } from "./maintenance.js";
import { ALIAS, NOW, quote, SQLITE, STATE } from "./sql.js";

export interface SqliteDialectOptions {
  /** The attached database that holds the ledger; `main` unless given. */
  readonly schema: string | undefined;
  readonly table: string;
}

/**
 * SQLite 3.38 and later. Its transactions must begin as `BEGIN IMMEDIATE`, or with a statement that writes: one that has
 * read cannot become a writer where somebody else has written since.
 */
export function sqliteDialect({ schema, table }: SqliteDialectOptions): ScriptDialect {
  const ledger = quotePath({ quote }, schema === undefined ? [table] : [schema, table]);
  const recall = (operation: ClaimedOperation): Statement =>
    prepared(`${recallSql(ledger, "?")} WHERE ${ALIAS}.id = ?`, [
      operation.fingerprint,
      operation.fingerprint,
      idBytes(operation),
    ]);
  return {
    singleStatementWrites: false,
    migrateCommand: migrateCommand({ schema, table }),
    claim: (operation) => ({
      ...insertRows(ledger, STATE.claimed, [{ operation, result: null }]),
      orElse: recall(operation),
    }),
    readClaim: (result) => readRecall(result) ?? (result.affected === 1 ? CLAIMED : { status: "recheck" }),
    complete: (operation, _token, status, result) =>
      prepared(
        `UPDATE ${ledger} AS ${ALIAS} SET state = ?, result = ? WHERE ${ALIAS}.id = ? AND ${ALIAS}.state = ${STATE.claimed}`,
        [STATE[status], result, idBytes(operation)],
        { affects: 1 },
      ),
    markWork: plain("SAVEPOINT opledger_work"),
    undoWork: plain("ROLLBACK TO SAVEPOINT opledger_work"),
    script: (operation, write, options) => ({
      prior: recall(operation),
      ...writeStatements(SQLITE, write, options),
    }),
    recall,
    readRecall,
    record: (operation, result) => insertRows(ledger, STATE.completed, [{ operation, result }]),
    recallMany: (operations) => recallManySql(ledger, operations),
    readRecallMany: ({ rows }) =>
      new Map(
        rows.flatMap((row) => {
          const known = readRecall({ rows: [row], affected: 1 });
          return known === undefined ? [] : [[String(row.opledger_id), known] as const];
        }),
      ),
    recordMany: (records) => insertRows(ledger, STATE.completed, records),
    targetsOf: (writes) => targetsOf(SQLITE, writes, false),
    insertMany: (writes) => insertMany(SQLITE, writes),
    madeRows: (writes, key) => madeRows(SQLITE, writes, key),
    addMany: (groups) => addMany(SQLITE, groups),
    needsKey: (write) => needsKey(SQLITE, write),
    describe,
    readKey,
    forget: (operation) =>
      prepared(
        `DELETE FROM ${ledger} AS ${ALIAS}
WHERE ${ALIAS}.id = ? AND ${ALIAS}.expires_at <= ${NOW} AND ${ALIAS}.state <> ${STATE.claimed}`,
        [idBytes(operation)],
      ),
    sweep: (limit) =>
      plain(`DELETE FROM ${ledger} WHERE id IN (SELECT ${ALIAS}.id FROM ${ledger} AS ${ALIAS}
  WHERE ${ALIAS}.expires_at <= ${NOW} AND ${ALIAS}.state <> ${STATE.claimed}
  ORDER BY ${ALIAS}.expires_at LIMIT ${Math.trunc(limit)})`),
    inspect: (operation) => prepared(inspectSql(ledger), [idBytes(operation)]),
    readRecord,
    ...maintenance(ledger),
  };
}

/** Changes nothing, and takes the write lock: for a client whose transactions begin without it. */
export function takeWriteLock({ schema, table }: SqliteDialectOptions): Statement {
  return plain(
    `DELETE FROM ${quotePath({ quote }, schema === undefined ? [table] : [schema, table])} WHERE 0`,
  );
}

const CLAIMED: Claim = { status: "claimed", token: "" };

function idBytes({ keyHash }: { readonly keyHash: string }): Buffer {
  return Buffer.from(keyHash, "hex");
}

function insertRows(
  ledger: string,
  state: number,
  rows: readonly { readonly operation: ClaimedOperation; readonly result: LedgerRow["result"] | null }[],
): Statement {
  const row = `(?, ?, ?, ?, ?, ${state}, ?, ${NOW}, ${NOW} + CAST(? AS INTEGER))`;
  const sql = `INSERT INTO ${ledger} (id, scope, operation, \`key\`, fingerprint, state, result, created_at, expires_at)
VALUES ${rows.map(() => row).join(",\n")}`;
  const values = rows.flatMap(({ operation, result }) => [
    idBytes(operation),
    operation.scope,
    operation.operation,
    operation.key,
    operation.fingerprint,
    result,
    String(operation.retentionMs),
  ]);
  return rows.length === 1
    ? prepared(sql, values, { affects: 1 })
    : { ...plain(sql), values, affects: rows.length };
}

/**
 * The result as a column of a subquery and not of an expression, which would have no declared type, by which some drivers read it.
 *
 * @param given SQL for the fingerprint that the caller has, asked for twice
 */
function recallSql(ledger: string, given: string): string {
  return `SELECT lower(hex(${ALIAS}.id)) AS opledger_id, CASE WHEN ${ALIAS}.state = ${STATE.claimed} THEN 'unfinished'
  WHEN ${ALIAS}.expires_at <= ${NOW} THEN 'expired' WHEN ${ALIAS}.fingerprint <> ${given} THEN 'mismatch'
  WHEN ${ALIAS}.state = ${STATE.failed} THEN 'failed' ELSE 'completed' END AS status,
  (SELECT ${ALIAS}.result WHERE ${ALIAS}.fingerprint = ${given}) AS result
FROM ${ledger} AS ${ALIAS}`;
}

function recallManySql(ledger: string, operations: readonly ClaimedOperation[]): Statement {
  const given = `CASE ${ALIAS}.id ${operations.map(() => "WHEN ? THEN ?").join(" ")} END`;
  const pairs = operations.flatMap((operation) => [idBytes(operation), operation.fingerprint]);
  return {
    sql: `${recallSql(ledger, given)} WHERE ${ALIAS}.id IN (${operations.map(() => "?").join(", ")})`,
    values: [...pairs, ...pairs, ...operations.map(idBytes)],
  };
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

/** Drivers give a BLOB as a Buffer, a Uint8Array or an ArrayBuffer. */
function bytesOf(value: unknown): Uint8Array {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : (value as Uint8Array);
}

function describe(path: readonly string[]): Statement {
  const table = path.at(-1);
  const schema = path.length > 1 ? path[0] : null;
  return prepared(
    `SELECT tables.wr AS unnumbered, columns.name AS name, upper(columns.type) AS type, columns.pk AS place
FROM pragma_table_list AS tables JOIN pragma_table_info(tables.name, tables.schema) AS columns
WHERE tables.name = ? COLLATE NOCASE AND tables.schema = COALESCE(?, tables.schema) ORDER BY columns.pk`,
    [table, schema],
  );
}

const ROW_NUMBER = "_rowid_";

/**
 * A row's number is as good a key as any, where the table has one; a primary key of type INTEGER is that number.
 *
 * @see https://www.sqlite.org/lang_createtable.html#rowid
 */
function readKey({ rows }: ResultSet): TableKey {
  const key = rows.filter(({ place }) => Number(place) > 0);
  const columns = key.map(({ name }) => String(name));
  if (rows.length === 0 || Number(rows[0]?.unnumbered) === 1) return { columns, numbered: undefined };
  const [first] = columns;
  if (first !== undefined && key.length === 1 && key[0]?.type === "INTEGER")
    return { columns, numbered: first };
  return { columns: [ROW_NUMBER], numbered: ROW_NUMBER };
}

function inspectSql(ledger: string): string {
  return `SELECT lower(hex(${ALIAS}.id)) AS id, ${ALIAS}.scope AS scope, ${ALIAS}.operation AS operation, ${ALIAS}.\`key\` AS "key",
  lower(hex(${ALIAS}.fingerprint)) AS fingerprint, ${ALIAS}.result AS result,
  CASE ${ALIAS}.state WHEN ${STATE.failed} THEN 'failed' ELSE 'completed' END AS status,
  CAST(${ALIAS}.created_at AS TEXT) AS created_ms, CAST(${ALIAS}.expires_at AS TEXT) AS expires_ms,
  CASE WHEN ${ALIAS}.expires_at <= ${NOW} THEN 'true' ELSE 'false' END AS expired
FROM ${ledger} AS ${ALIAS} WHERE ${ALIAS}.id = ?`;
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
