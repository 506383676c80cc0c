import { createHash } from "node:crypto";
import type { Executor, Row, Statement } from "../core/executor.js";
import { type Engine, ledgerMigrations, type Migration, type MigrationOptions } from "./index.js";
import { type LedgerName, ledgerStateStatement, readLedgerState } from "./version.js";

/** What became of a ledger's schema. */
export interface AppliedMigrations {
  /** The version found; 0 where there was no ledger. */
  readonly from: number;
  readonly to: number;
  /** The versions that were applied. */
  readonly applied: readonly number[];
}

export interface ApplyOptions extends MigrationOptions {
  readonly engine: Engine;
  /** Milliseconds that another process may take that is applying the same. */
  readonly waitMs: number;
}

/** Why a ledger's schema was left alone. */
export class MigrationRefusedError extends Error {
  override readonly name = "MigrationRefusedError";
  readonly reason: "busy" | "foreign" | "newer";

  constructor(reason: MigrationRefusedError["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Brings the ledger's schema to the newest version. Many processes may do so at once: one does the work, the others wait
 * and find it done. One that is killed leaves what the next one goes on from: on PostgreSQL and SQLite all steps are one
 * transaction; on MySQL and MariaDB, where each statement is one, a step is marked as had by its last statement, and what
 * stands already is passed over until then.
 *
 * @param executor one connection, with no transaction open
 * @throws {MigrationRefusedError} another process takes longer than `waitMs`, the table is no ledger, or it is newer
 */
export async function applyMigrations(executor: Executor, options: ApplyOptions): Promise<AppliedMigrations> {
  return applySteps(executor, options, ledgerMigrations(options.engine, options));
}

/** The same with given steps. */
async function applySteps(
  executor: Executor,
  options: ApplyOptions,
  steps: readonly Migration[],
): Promise<AppliedMigrations> {
  const { engine } = options;
  if (engine === "mysql" || engine === "mariadb") return underNamedLock(executor, options, steps);
  const name = nameOf(options);
  const opening = engine === "sqlite" ? sqliteOpening(options.waitMs) : postgresOpening(name, options.waitMs);
  try {
    for (const statement of opening) await executor.run(statement);
    const { from, missing } = await plan(executor, options, steps);
    for (const step of missing) {
      for (const sql of step.upStatements) await executor.run(plain(sql));
    }
    await executor.run(plain("COMMIT"));
    return applied(from, missing);
  } catch (error) {
    // Where the connection broke, there is nothing to roll back.
    await executor.run(plain("ROLLBACK")).catch(() => undefined);
    throw isLockTimeout(error) ? busy(options.waitMs) : error;
  }
}

function plain(sql: string): Statement {
  return { sql, values: [] };
}

function nameOf({ schema, table = "opledger_operations" }: MigrationOptions): LedgerName {
  return { schema, table };
}

function sqliteOpening(waitMs: number): Statement[] {
  return [plain(`PRAGMA busy_timeout = ${Math.trunc(waitMs)}`), plain("BEGIN IMMEDIATE")];
}

/** The lock ends with the transaction, so that a pooler that hands out connections by transaction does no harm. */
function postgresOpening(name: LedgerName, waitMs: number): Statement[] {
  const key = BigInt.asIntN(64, BigInt(`0x${lockName(name).slice(-16)}`));
  return [
    plain("BEGIN"),
    { sql: "SELECT set_config('lock_timeout', $1, true)", values: [String(Math.max(1, waitMs))] },
    { sql: "SELECT pg_advisory_xact_lock($1::bigint)", values: [String(key)] },
  ];
}

function lockName({ schema = "", table }: LedgerName): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([schema, table]))
    .digest("hex");
  return `opledger.migrate.${hash.slice(0, 32)}`;
}

/** PostgreSQL's lock timeout, and SQLite's busy database. */
function isLockTimeout(error: unknown): boolean {
  const code = String((error as { code?: unknown } | null)?.code ?? "");
  return code === "55P03" || code.startsWith("SQLITE_BUSY");
}

function busy(waitMs: number): MigrationRefusedError {
  return new MigrationRefusedError(
    "busy",
    `Another process has kept the ledger's schema locked for longer than ${waitMs} ms. Nothing was changed. Run it again.`,
  );
}

interface Plan {
  readonly from: number;
  readonly missing: readonly Migration[];
}

async function plan(executor: Executor, options: ApplyOptions, steps: readonly Migration[]): Promise<Plan> {
  const name = nameOf(options);
  const { rows } = await executor.run(ledgerStateStatement(options.engine, name));
  const state = readLedgerState(rows);
  const newest = steps.at(-1)?.version ?? 0;
  if (state.status === "absent") return { from: 0, missing: steps };
  if (state.status === "unmarked") {
    if (RESUMABLE.has(options.engine)) return { from: 0, missing: steps };
    throw foreign(name);
  }
  const from = state.version;
  if (from > newest) {
    throw new MigrationRefusedError(
      "newer",
      `The ledger ${name.table} is at version ${from}, and this opledger knows versions up to ${newest}. Nothing was changed. Upgrade opledger.`,
    );
  }
  return { from, missing: steps.filter(({ version }) => version > from) };
}

function foreign({ table }: LedgerName): MigrationRefusedError {
  return new MigrationRefusedError(
    "foreign",
    `There is a table ${table} already, and it is no ledger of opledger's. Nothing was changed. Rename it, or choose another name for the ledger.`,
  );
}

function applied(from: number, missing: readonly Migration[]): AppliedMigrations {
  const versions = missing.map(({ version }) => version);
  return { from, to: versions.at(-1) ?? from, applied: versions };
}

/** Where a statement is a transaction of its own, a killed run leaves a table without its mark. */
const RESUMABLE: ReadonlySet<Engine> = new Set(["mysql", "mariadb"]);

/** Errors that say of a statement that an earlier run has had it: table, column, index, procedure, trigger, constraint. */
const STANDS_ALREADY: ReadonlySet<number> = new Set([1050, 1060, 1061, 1304, 1359, 1826, 3822]);

async function underNamedLock(
  executor: Executor,
  options: ApplyOptions,
  steps: readonly Migration[],
): Promise<AppliedMigrations> {
  const lock = lockName(nameOf(options));
  const asked = { sql: "SELECT GET_LOCK(?, ?) AS held", values: [lock, Math.ceil(options.waitMs / 1_000)] };
  const { rows } = await executor.run(asked);
  if (Number(rows[0]?.held) !== 1) throw busy(options.waitMs);
  try {
    const { from, missing } = await plan(executor, options, steps);
    if (missing.length > 0) await refuseForeign(executor, options);
    for (const step of missing) {
      for (const sql of step.upStatements) await executor.run(plain(sql)).catch(unlessStanding);
    }
    return applied(from, missing);
  } finally {
    // Where the connection broke, the lock went with it.
    await executor.run({ sql: "SELECT RELEASE_LOCK(?)", values: [lock] }).catch(() => undefined);
  }
}

function unlessStanding(error: unknown): void {
  const { errno } = (error ?? {}) as { errno?: unknown };
  if (!STANDS_ALREADY.has(Number(errno))) throw error;
}

/** A table that stands in the ledger's place is gone on with only where it is what the first statement makes. */
async function refuseForeign(executor: Executor, options: ApplyOptions): Promise<void> {
  const name = nameOf(options);
  const columns: Statement = {
    sql: `SELECT COLUMN_NAME AS name FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?`,
    values: [name.schema ?? null, name.table],
  };
  const { rows } = await executor.run(columns);
  const names = new Set(rows.map((row: Row) => String(row.name).toLowerCase()));
  if (names.size > 0 && !COLUMNS.every((column) => names.has(column))) throw foreign(name);
}

const COLUMNS = [
  "id",
  "scope",
  "operation",
  "key",
  "fingerprint",
  "state",
  "result",
  "created_at",
  "expires_at",
];
