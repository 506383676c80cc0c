import { connect, type Socket } from "node:net";
import mysql from "mysql2/promise";
import { ledgerMigrations } from "opledger/migrations";
import { createLedger } from "opledger/mysql2";
import { startMariadb } from "../../test/servers/mariadb.js";
import { startMysql } from "../../test/servers/mysql.js";
import { DeafSocket } from "./deaf-socket.js";
import type { Charge } from "./deliveries.js";
import { type Engine, MERCHANT, type OpenOptions, type Receipt, type Service } from "./service.js";

/** The service's own tables: no constraint here knows about duplicates. */
const SCHEMA = [
  "CREATE TABLE accounts (id varchar(40) PRIMARY KEY, balance_cents bigint NOT NULL DEFAULT 0)",
  `CREATE TABLE charges (
    number       bigint      AUTO_INCREMENT PRIMARY KEY,
    charge_id    varchar(40) NOT NULL,
    amount_cents bigint      NOT NULL,
    KEY (charge_id)
  )`,
];

/** What the handler needs of a connection: mysql2's have it, and so has the transaction that opledger hands out. */
interface Executable {
  execute<R>(sql: string, values: unknown): Promise<[R, unknown]>;
}

/** The handler that people write: look whether it was done, else do it. Both services run this one function. */
async function charge(db: Executable, { id, customer, amountCents }: Charge): Promise<Receipt> {
  const seen = "SELECT number FROM charges WHERE charge_id = ?";
  const [[before]] = await db.execute<{ number: number }[]>(seen, [id]);
  if (before !== undefined) return { number: BigInt(before.number), amountCents, found: true };

  const [made] = await db.execute<{ insertId: number }>(
    "INSERT INTO charges (charge_id, amount_cents) VALUES (?, ?)",
    [id, String(amountCents)],
  );
  const move = "UPDATE accounts SET balance_cents = balance_cents + ? WHERE id = ?";
  await db.execute(move, [String(-amountCents), customer]);
  await db.execute(move, [String(amountCents), MERCHANT]);
  return { number: BigInt(made.insertId), amountCents, found: false };
}

/** The handler in a transaction, and nothing else. */
function naive(pool: mysql.Pool): Service["handle"] {
  return async (delivery, effectDone) => {
    const connection = await pool.getConnection();
    try {
      await connection.query("START TRANSACTION");
      const receipt = await charge(connection as Executable, delivery);
      await effectDone?.();
      await connection.query("COMMIT");
      return { status: receipt.found ? "replayed" : "executed", receipt };
    } catch (error) {
      await connection.query("ROLLBACK");
      throw error;
    } finally {
      connection.release();
    }
  };
}

/** The same handler through opledger. */
function opledger(pool: mysql.Pool, prepare: boolean): Service["handle"] {
  const ledger = createLedger(pool, { prepare });
  return async (delivery, effectDone) => {
    const operation = { operation: "charge", key: delivery.id, payload: delivery };
    const { status, value } = await ledger.once(operation, async (tx) => {
      const receipt = await charge(tx, delivery);
      await effectDone?.();
      return receipt;
    });
    return { status, receipt: value };
  };
}

const HANDLERS = { naive, opledger };

/** A COMMIT as text: the handler's own, MariaDB's block of several statements, or a call of MySQL's procedure. */
function isCommit(bytes: Buffer): boolean {
  return bytes.includes("COMMIT") || bytes.includes("CALL `opledger_operations_close`");
}

function open(
  service: keyof typeof HANDLERS,
  url: string,
  { connections, deafFromCommit }: OpenOptions,
): Service {
  const { hostname, port } = new URL(url);
  const stream = (): Socket =>
    deafFromCommit === undefined
      ? connect(Number(port), hostname)
      : new DeafSocket(isCommit, deafFromCommit).connect(Number(port), hostname);
  const pool = mysql.createPool({ uri: url, connectionLimit: connections, stream });
  // A prepared COMMIT would leave as a number, which nothing could recognise.
  const handle = HANDLERS[service](pool, deafFromCommit === undefined);
  return { handle, close: () => pool.end() };
}

async function run<Row>(url: string, statements: readonly string[]): Promise<Row[]> {
  const connection = await mysql.createConnection({ uri: url, supportBigNumbers: true });
  try {
    let rows: unknown = [];
    for (const statement of statements) [rows] = await connection.query(statement);
    return Array.isArray(rows) ? (rows as Row[]) : [];
  } finally {
    await connection.end();
  }
}

const shared = { open, run, schema: SCHEMA };
const ledgerOf = (name: "mariadb" | "mysql"): string[] =>
  ledgerMigrations(name).flatMap(({ upStatements }) => upStatements);

export const mariadb: Engine = {
  ...shared,
  title: "MariaDB",
  start: () => startMariadb(),
  ledger: ledgerOf("mariadb"),
};

export const mysqlEngine: Engine = {
  ...shared,
  title: "MySQL",
  start: () => startMysql(),
  ledger: ledgerOf("mysql"),
};
