import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DataSource, type DataSourceOptions, QueryFailedError } from "typeorm";
import type { Row } from "../../src/index.js";
import { ledgerMigrations } from "../../src/migrations/index.js";
import { CAPABILITIES, type TargetName } from "../conformance/capabilities.js";
import type { Target, Violation } from "../conformance/target.js";
import { missingDriver } from "../drivers.js";
import { ENDINGS, fixtureSchema, outdated, quote, SQLITE_SAMPLES } from "./sqlite-schema.js";
import { type Backdrop, type Connect, TypeormFixture } from "./typeorm.js";

type Driver = "better-sqlite3" | "sqljs";

export interface TypeormSqliteTarget {
  readonly name: TargetName;
  readonly driver: Driver;
  readonly suite: Target["suite"];
  readonly cases: number;
}

/** A target over TypeORM's drivers of SQLite: `better-sqlite3` on one file in WAL mode, `sqljs` on its one connection. */
export function typeormSqliteTarget({ name, driver, suite, cases }: TypeormSqliteTarget): Target {
  return {
    name,
    suite,
    cases,
    capabilities: CAPABILITIES[name],
    unavailable: driver === "sqljs" ? undefined : missingDriver(driver),
    open: driver === "sqljs" ? openMemory : openFile,
  };
}

async function openFile(): Promise<TypeormFixture> {
  const folder = mkdtempSync(join(tmpdir(), "opledger-typeorm-"));
  const database = join(folder, `${randomBytes(4).toString("hex")}.db`);
  // A wait of the driver's own would block the process, and so whoever holds the lock in it.
  const options = { type: "better-sqlite3", database, enableWAL: true, timeout: 0 } as const;
  const connect: Connect = () => new DataSource(options).initialize();
  const admin = await connect({});
  return TypeormFixture.open(
    await backdrop(admin, async () => {
      await admin.destroy();
      rmSync(folder, { recursive: true, force: true });
    }),
    connect,
  );
}

async function openMemory(): Promise<TypeormFixture> {
  const only = await new DataSource({ type: "sqljs" } as DataSourceOptions).initialize();
  return TypeormFixture.open(await backdrop(only, async () => {}), async () => only);
}

/** @param admin what looks past the ledgers, on a connection of its own wherever there can be another */
async function backdrop(admin: DataSource, close: () => Promise<void>): Promise<Backdrop> {
  const query = (sql: string): Promise<readonly Row[]> => unlocked(() => ask(admin, sql));
  const run = async (statements: readonly string[]): Promise<void> => {
    for (const sql of statements) await query(sql);
  };
  const ledger = (names: object): readonly string[] =>
    ledgerMigrations("sqlite", names).flatMap(({ upStatements }) => upStatements);
  await run([...ledger({}), ...fixtureSchema()]);
  return {
    samples: SQLITE_SAMPLES,
    endings: ENDINGS,
    ledgerTable: quote("opledger_operations"),
    quote,
    qualified: (table) => `main.${table}`,
    query,
    violation,
    createOutdatedLedger: (table) => run([...ledger({ table }), ...outdated(table)]),
    close,
  };
}

async function ask(dataSource: DataSource, sql: string): Promise<readonly Row[]> {
  const runner = dataSource.createQueryRunner();
  const { records } = await runner.query(sql, undefined, true);
  return (records ?? []) as Row[];
}

async function unlocked<T>(run: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!/database is locked/.test(String(error))) throw error;
      await sleep(5);
    }
  }
}

const VIOLATIONS: readonly (readonly [told: RegExp, violation: Violation])[] = [
  [/UNIQUE constraint failed/, "unique"],
  [/CHECK constraint failed/, "check"],
  [/no such table/, "missing-table"],
  [/integer overflow/, "too-big"],
];

function violation(error: unknown): Violation {
  if (!(error instanceof QueryFailedError)) return undefined;
  return VIOLATIONS.find(([told]) => told.test(error.message))?.[1];
}
