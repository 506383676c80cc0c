import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "libsql";
import mysql from "mysql2/promise";
import pg from "pg";
import type { Row } from "../../src/core/executor.js";
import type { Engine } from "../../src/migrations/index.js";
import type { ServerName } from "../servers/provide.js";
import { createDatabase, serverUrl } from "../servers/use.js";

/** An empty database of a test's own. */
export interface TestDatabase {
  readonly engine: Engine;
  readonly url: string;
  query(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Runs a text of several statements, as an ORM runs a file. */
  script(sql: string): Promise<void>;
  drop(): Promise<void>;
}

/** Each engine that the command line works on, and the server that the tests have it from. */
const ENGINES: readonly (readonly [Engine, ServerName | undefined])[] = [
  ["postgres", "postgres15"],
  ["mysql", "mysql"],
  ["mariadb", "mariadb"],
  ["sqlite", undefined],
];

/** The engines that this run has; what it has not was reported at its start. */
export function availableEngines(): Engine[] {
  return ENGINES.filter(([, server]) => server === undefined || serverUrl(server) !== undefined).map(
    ([engine]) => engine,
  );
}

export function openDatabase(engine: Engine): Promise<TestDatabase> {
  if (engine === "postgres") return openPostgres();
  return engine === "sqlite" ? openSqlite() : openMysql(engine);
}

/** One connection of its own to a database that is a server's, for what stays open. */
export interface Session {
  query(sql: string): Promise<Row[]>;
  end(): Promise<void>;
}

export async function openSession({ engine, url }: TestDatabase): Promise<Session> {
  if (engine === "postgres") {
    const client = new pg.Client(url);
    client.on("error", () => undefined);
    await client.connect();
    return { query: async (sql) => (await client.query(sql)).rows, end: () => client.end() };
  }
  const connection = await mysql.createConnection(url);
  return {
    query: async (sql) => {
      const [rows] = await connection.query(sql);
      return Array.isArray(rows) ? (rows as Row[]) : [];
    },
    end: () => connection.end(),
  };
}

async function openPostgres(): Promise<TestDatabase> {
  const { url, drop } = await createDatabase("postgres15");
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  // Dropping the database may meet a connection that is ending.
  pool.on("error", () => undefined);
  return {
    engine: "postgres",
    url,
    query: async (sql, values = []) => (await pool.query(sql, [...values])).rows,
    script: async (sql) => void (await pool.query(sql)),
    drop: async () => {
      await pool.end();
      await drop();
    },
  };
}

async function openMysql(engine: "mysql" | "mariadb"): Promise<TestDatabase> {
  const server = serverUrl(engine);
  if (server === undefined) throw new Error(`this test run has no server ${engine}`);
  const name = `test_${randomBytes(8).toString("hex")}`;
  const admin = await mysql.createConnection(server);
  await admin.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
  await admin.end();
  const url = new URL(server);
  url.pathname = `/${name}`;
  const pool = mysql.createPool({ uri: url.href, connectionLimit: 2, multipleStatements: true });
  return {
    engine,
    url: url.href,
    query: async (sql, values = []) => {
      const [rows] = await pool.query(sql, [...values]);
      return Array.isArray(rows) ? (rows as Row[]) : [];
    },
    script: async (sql) => void (await pool.query(sql)),
    drop: async () => {
      await pool.query(`DROP DATABASE ${name}`);
      await pool.end();
    },
  };
}

async function openSqlite(): Promise<TestDatabase> {
  const folder = mkdtempSync(join(tmpdir(), "opledger-sqlite-"));
  const file = join(folder, "test.db");
  // A connection for each call: TypeORM's SQLite driver for Node alone writes the file anew behind everybody's back.
  const withConnection = <T>(use: (connection: InstanceType<typeof Sqlite>) => T): T => {
    const connection = new Sqlite(file);
    try {
      connection.exec("PRAGMA busy_timeout = 10000");
      return use(connection);
    } finally {
      connection.close();
    }
  };
  withConnection((connection) => connection.exec("VACUUM"));
  return {
    engine: "sqlite",
    url: `file:${file}`,
    query: async (sql, values = []) =>
      withConnection((connection) => {
        const statement = connection.prepare(sql);
        if (statement.reader) return statement.all([...values]) as Row[];
        statement.run([...values]);
        return [];
      }),
    script: async (sql) => withConnection((connection) => void connection.exec(sql)),
    drop: async () => rmSync(folder, { recursive: true }),
  };
}
