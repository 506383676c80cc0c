/** A database with the tables of prisma/*.prisma and the ledger, as `prisma migrate deploy` would leave it. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PrismaLibSql } from "@prisma/adapter-libsql";
import { PrismaMariaDb } from "@prisma/adapter-mariadb";
import { PrismaPg } from "@prisma/adapter-pg";
import Sqlite from "libsql";
import mysql from "mysql2/promise";
import pg from "pg";
import { PrismaClient as MysqlClient } from "../../prisma/generated/mysql/client/client.js";
import { PrismaClient as PostgresClient } from "../../prisma/generated/postgresql/client/client.js";
import { PrismaClient as SqliteClient } from "../../prisma/generated/sqlite/client/client.js";
import { createDatabase, serverUrl } from "../servers/use.js";
import { type Migrated, migrationTexts } from "./migrations.js";

export type PrismaEngine = "postgres15" | "postgres18" | "mariadb" | "mysql" | "sqlite";

export interface Opened {
  readonly url: string;
  /** Runs SQL beside every Prisma client. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
  drop(): Promise<void>;
}

function texts(database: Migrated, tables: boolean): string[] {
  return [...migrationTexts(database, "opledger"), ...(tables ? migrationTexts(database, "tables") : [])];
}

/**
 * @param tables whether the tables of prisma/*.prisma are wanted, beside the ledger
 * @param library the SQLite that the clients use: two of them in one process undo each other's locks on a file
 * @see https://www.sqlite.org/howtocorrupt.html#_multiple_copies_of_sqlite_linked_into_the_same_application
 */
export async function openDatabase(
  engine: PrismaEngine,
  tables = true,
  library: typeof Sqlite = Sqlite,
): Promise<Opened> {
  if (engine === "sqlite") return openSqlite(tables, library);
  return engine === "mysql" || engine === "mariadb"
    ? openMysql(engine, tables)
    : openPostgres(engine, tables);
}

async function openPostgres(engine: "postgres15" | "postgres18", tables: boolean): Promise<Opened> {
  const { url, drop } = await createDatabase(engine);
  const pool = new pg.Pool({ connectionString: url, max: 3 });
  pool.on("error", () => {});
  for (const sql of texts("postgresql", tables)) await pool.query(sql);
  return {
    url,
    query: async (sql) => {
      const result: pg.QueryResult | pg.QueryResult[] = await pool.query(sql);
      return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows;
    },
    drop: async () => {
      await pool.end();
      await drop();
    },
  };
}

async function openMysql(engine: "mysql" | "mariadb", tables: boolean): Promise<Opened> {
  const server = serverUrl(engine);
  if (server === undefined) throw new Error(`this test run has no server ${engine}`);
  const database = `test_${randomBytes(8).toString("hex")}`;
  const admin = await mysql.createConnection(server);
  await admin.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
  await admin.query(`CREATE DATABASE ${database}_side`);
  const url = new URL(server);
  url.pathname = `/${database}`;
  const pool = mysql.createPool({
    uri: url.href,
    connectionLimit: 3,
    multipleStatements: true,
    supportBigNumbers: true,
  });
  for (const sql of texts(engine, tables)) await pool.query(sql);
  return {
    url: url.href,
    query: async (sql) => {
      const [rows] = await pool.query(sql);
      return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
    },
    drop: async () => {
      await pool.end();
      await admin.query(`DROP DATABASE ${database}`);
      await admin.query(`DROP DATABASE ${database}_side`);
      await admin.end();
    },
  };
}

async function openSqlite(tables: boolean, library: typeof Sqlite): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), "opledger-sqlite-"));
  const path = join(folder, "test.db");
  const client = new library(path, { timeout: 0 });
  client.exec("PRAGMA journal_mode = WAL");
  for (const sql of texts("sqlite", tables)) client.exec(sql);
  return {
    url: `file:${path}`,
    query: async (sql) => {
      for (;;) {
        try {
          const statement = client.prepare(sql);
          if (statement.reader) return statement.all([]) as Record<string, unknown>[];
          client.exec(sql);
          return [];
        } catch (error) {
          // A wait of the driver's own would block the process, and so whoever holds the lock.
          if (!/database is locked/.test(String(error))) throw error;
          await sleep(5);
        }
      }
    },
    drop: async () => {
      client.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface ClientOptions {
  /** Connections at the most; 5 unless given. */
  readonly connections?: number;
  /** What each PostgreSQL connection begins with, such as `-c TimeZone=Asia/Kolkata`. */
  readonly startup?: string | undefined;
  /** What each MariaDB connection begins with. */
  readonly isolation?: string | undefined;
  /** What MySQL needs for savepoints; MariaDB does not. */
  readonly useTextProtocol?: boolean;
  readonly omit?: object;
  /** Of PostgreSQL's client: what it tells of its queries. */
  readonly log?: readonly object[];
  readonly transactionOptions?: object;
}

export function postgresClient(
  url: string,
  { connections = 5, startup, omit, log, transactionOptions }: ClientOptions = {},
): PostgresClient {
  const adapter = new PrismaPg({
    connectionString: url,
    max: connections,
    // Without it pg would wait for a connection for ever.
    connectionTimeoutMillis: 5_000,
    ...(startup !== undefined && { options: startup }),
  });
  return new PostgresClient({
    adapter,
    ...(omit !== undefined && { omit }),
    ...(log !== undefined && { log: [...log] as never }),
    ...(transactionOptions !== undefined && { transactionOptions }),
  });
}

export function mysqlClient(
  url: string,
  { connections = 5, isolation, useTextProtocol = false, omit }: ClientOptions = {},
): MysqlClient {
  const { hostname, port, username, password, pathname } = new URL(url);
  const adapter = new PrismaMariaDb(
    {
      host: hostname,
      port: Number(port),
      user: decodeURIComponent(username),
      ...(password !== "" && { password: decodeURIComponent(password) }),
      database: pathname.slice(1),
      connectionLimit: connections,
      acquireTimeout: 5_000,
      ...(isolation !== undefined && {
        initSql: `SET SESSION TRANSACTION ISOLATION LEVEL ${isolation.toUpperCase()}`,
      }),
    },
    { useTextProtocol },
  );
  return new MysqlClient({ adapter, ...(omit !== undefined && { omit }) });
}

export function sqliteClient(url: string, { omit }: Pick<ClientOptions, "omit"> = {}): SqliteClient {
  return new SqliteClient({
    adapter: new PrismaLibSql({ url, intMode: "bigint" }),
    ...(omit !== undefined && { omit }),
  });
}
