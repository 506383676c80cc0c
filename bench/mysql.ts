import { randomBytes } from "node:crypto";
import mysql from "mysql2/promise";
import { ledgerMigrations } from "opledger/migrations";
import { provide } from "../test/servers/provide.js";
import { subjectOf } from "./calls.js";
import { FLOOR_PROCEDURE, mysql2Driver } from "./mysql2.js";
import type { Engine } from "./subject.js";

const ACCOUNTS = 30_000;

const TABLES = [
  "CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL, status varchar(20) NOT NULL, version int NOT NULL)",
  "CREATE TABLE payments (id char(36) PRIMARY KEY, account int NOT NULL, amount bigint NOT NULL, note text NOT NULL)",
  "CREATE TABLE hand_ledger (`key` char(36) PRIMARY KEY, result text, created_at datetime(6) NOT NULL)",
];
const EMPTIED = ["accounts", "payments", "hand_ledger", "opledger_operations"];
const DURABILITY = ["innodb_flush_log_at_trx_commit", "sync_binlog", "log_bin", "innodb_doublewrite"];
const LOG_POSITION = { mysql: "Innodb_redo_log_current_lsn", mariadb: "Innodb_lsn_current" } as const;
/** MariaDB leaves InnoDB's own counters at zero; its handlers do not count rows of temporary tables. */
const ROWS_WRITTEN = {
  mysql: ["Innodb_rows_inserted", "Innodb_rows_updated", "Innodb_rows_deleted"],
  mariadb: ["Handler_write", "Handler_update", "Handler_delete"],
} as const;
const LEDGERS = { opledger: "opledger_operations", "hand-written": "hand_ledger" } as const;

/** A durable MySQL or MariaDB, private unless the environment names one, with a database of its own, through mysql2. */
export async function startMysqlEngine(name: "mysql" | "mariadb"): Promise<Engine> {
  const provided = await provide(name, { durable: true });
  if (provided.status === "skipped") throw new Error(`${provided.reason} To add it: ${provided.howToAdd}`);
  const { server } = provided;
  const database = `opledger_bench_${randomBytes(4).toString("hex")}`;
  const admin = await mysql.createConnection(server.url);
  await admin.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
  await admin.query(`USE ${database}`);
  for (const table of TABLES) await admin.query(table);
  if (name === "mysql") await admin.query(FLOOR_PROCEDURE);
  for (const { upStatements } of ledgerMigrations(name))
    for (const sql of upStatements) await admin.query(sql);
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  const logsStatements = (await variable(admin, "log_bin")) === "ON";
  const number = async (sql: string): Promise<number> => {
    const [rows] = await admin.query<mysql.RowDataPacket[]>(sql);
    return Number(rows[0]?.value ?? rows[0]?.Value);
  };
  return {
    name,
    client: "mysql2",
    version: server.version,
    durability: await durability(admin),
    host: server.host,
    port: server.port,
    protocol: "mysql",
    async open({ connections, through, accounts = ACCOUNTS }) {
      await reset(admin);
      const reached = new URL(url);
      if (through !== undefined) reached.host = `${through.host}:${through.port}`;
      const subject = subjectOf(mysql2Driver(name, reached.href, connections), accounts);
      await subject.prepare();
      return subject;
    },
    async checkpoint() {
      await admin.query("FLUSH TABLES");
    },
    // Where the log has got to: bytes written to its file would count a block again for each commit that it holds.
    logBytes: () => number(`SHOW GLOBAL STATUS LIKE '${LOG_POSITION[name]}'`),
    ...(logsStatements && { binlogBytes: () => binlogBytes(admin) }),
    rowsWritten: () => rowsWritten(admin, name),
    async ledgerBytes(ledger) {
      await admin.query(`ANALYZE TABLE ${LEDGERS[ledger]}`);
      return number(
        `SELECT data_length + index_length AS value FROM information_schema.tables WHERE table_schema = '${database}' AND table_name = '${LEDGERS[ledger]}'`,
      );
    },
    async close() {
      await admin.query(`DROP DATABASE ${database}`);
      await admin.end();
      await server.stop();
    },
  };
}

async function reset(admin: mysql.Connection): Promise<void> {
  for (const table of EMPTIED) await admin.query(`TRUNCATE TABLE ${table}`);
  const rows = Array.from({ length: ACCOUNTS }, (_, index) => [index + 1, 0, "open", 0]);
  for (let from = 0; from < rows.length; from += 10_000) {
    await admin.query("INSERT INTO accounts VALUES ?", [rows.slice(from, from + 10_000)]);
  }
}

async function variable(admin: mysql.Connection, name: string): Promise<unknown> {
  const [rows] = await admin.query<mysql.RowDataPacket[]>("SHOW GLOBAL VARIABLES LIKE ?", [name]);
  return rows[0]?.Value;
}

async function binlogBytes(admin: mysql.Connection): Promise<number> {
  const [files] = await admin.query<mysql.RowDataPacket[]>("SHOW BINARY LOGS");
  return files.reduce((sum, { File_size }) => sum + Number(File_size), 0);
}

/** By everybody, which is the benchmark alone on a server of its own. */
async function rowsWritten(admin: mysql.Connection, name: keyof typeof ROWS_WRITTEN): Promise<number> {
  const [rows] = await admin.query<mysql.RowDataPacket[]>("SHOW GLOBAL STATUS WHERE Variable_name IN (?)", [
    ROWS_WRITTEN[name],
  ]);
  return rows.reduce((sum, { Value }) => sum + Number(Value), 0);
}

async function durability(admin: mysql.Connection): Promise<string> {
  const [rows] = await admin.query<mysql.RowDataPacket[]>(
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN (?)",
    [DURABILITY],
  );
  return rows.map(({ Variable_name, Value }) => `${Variable_name}=${Value}`).join(" ");
}
