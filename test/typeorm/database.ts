import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mysql from "mysql2/promise";
import { DataSource, type DataSourceOptions } from "typeorm";
import { ledgerMigrations } from "../../src/migrations/index.js";
import { missingDriver } from "../drivers.js";
import { createDatabase, serverUrl } from "../servers/use.js";
import { ENTITIES } from "./entities.js";

export const ENGINES = ["postgres", "mariadb", "mysql", "sqljs", "better-sqlite3"] as const;
export type EngineName = (typeof ENGINES)[number];

/** Why an engine cannot be tested in this run; undefined where it can. */
export function unavailable(engine: EngineName): string | undefined {
  if (engine === "sqljs") return undefined;
  if (engine === "better-sqlite3") return missingDriver(engine);
  const server = engine === "postgres" ? "postgres15" : engine;
  return serverUrl(server) === undefined ? `this test run has no server ${server}` : undefined;
}

export interface TestDatabase {
  readonly dataSource: DataSource;
  /** Another data source over the same database, as another process has it. */
  another(more?: object): Promise<DataSource>;
  close(): Promise<void>;
}

/** A fresh database with a ledger and, unless said otherwise, the tables of the entities. */
export async function openDatabase(engine: EngineName, more: object = {}): Promise<TestDatabase> {
  const { url, drop } = await emptyDatabase(engine);
  const opened: DataSource[] = [];
  const connect = async (extra: object): Promise<DataSource> => {
    const options = { ...optionsOf(engine, url), entities: ENTITIES, ...more, ...extra };
    const made = await new DataSource(options as DataSourceOptions).initialize();
    opened.push(made);
    return made;
  };
  const dataSource = await connect({ synchronize: true });
  for (const { upStatements } of ledgerMigrations(isSqlite(engine) ? "sqlite" : engine)) {
    for (const sql of upStatements) await dataSource.query(sql);
  }
  return {
    dataSource,
    another: (extra = {}) => connect(extra),
    close: async () => {
      for (const each of opened) if (each.isInitialized) await each.destroy();
      await drop();
    },
  };
}

/** One connection for everybody, whole numbers as floating point, and no locks of rows. */
export function isSqlite(engine: EngineName): engine is "sqljs" | "better-sqlite3" {
  return engine === "sqljs" || engine === "better-sqlite3";
}

/** What a data source is told to reach the database of {@link emptyDatabase}. */
export function optionsOf(engine: EngineName, url: string | undefined): DataSourceOptions {
  if (engine !== "better-sqlite3") return { type: engine, url } as DataSourceOptions;
  // A wait of the driver's own would block the process, and so whoever holds the lock in it.
  return { type: engine, database: url ?? "", enableWAL: true, timeout: 0 };
}

export async function emptyDatabase(engine: EngineName): Promise<{ url?: string; drop(): Promise<void> }> {
  // In memory: it goes with its data source.
  if (engine === "sqljs") return { drop: async () => {} };
  if (engine === "better-sqlite3") {
    const folder = mkdtempSync(join(tmpdir(), "opledger-typeorm-"));
    return {
      url: join(folder, "test.db"),
      drop: async () => rmSync(folder, { recursive: true, force: true }),
    };
  }
  if (engine === "postgres") return createDatabase("postgres15");
  const server = serverUrl(engine) ?? "";
  const database = `test_${randomBytes(8).toString("hex")}`;
  const run = async (sql: string): Promise<void> => {
    const admin = await mysql.createConnection(server);
    await admin.query(sql);
    await admin.end();
  };
  await run(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
  const url = new URL(server);
  url.pathname = `/${database}`;
  return { url: url.href, drop: () => run(`DROP DATABASE ${database}`) };
}
