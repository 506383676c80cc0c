import { createHash } from "node:crypto";
import mysql from "mysql2/promise";
import type { EngineName } from "../../src/adapters/mysql2/index.js";
import { ledgerMigrations } from "../../src/migrations/index.js";
import { readings } from "../faults/targets/mysql-witness.js";
import type { Server } from "../servers/types.js";

/**
 * Every committed change of a row leaves a row in `applied`, whose only key is a number of its own: clusters want a
 * primary key, and this one cannot hide a second effect.
 */
const TABLES = [
  "CREATE TABLE accounts (id int PRIMARY KEY, n int NOT NULL, balance bigint NOT NULL, version int NOT NULL)",
  "CREATE TABLE effects (id bigint PRIMARY KEY AUTO_INCREMENT, n int NOT NULL, note varchar(40))",
  "CREATE TABLE applied (id bigint PRIMARY KEY AUTO_INCREMENT, n int NOT NULL, what varchar(40) NOT NULL, KEY (n))",
  "CREATE TRIGGER effects_applied AFTER INSERT ON effects FOR EACH ROW INSERT INTO applied (n, what) VALUES (NEW.n, 'effect')",
  "CREATE TRIGGER accounts_applied AFTER UPDATE ON accounts FOR EACH ROW INSERT INTO applied (n, what) VALUES (NEW.n, 'account')",
];

/** Accounts from 10 on, where a load's counters begin, to the last one that a test uses. */
const ACCOUNTS = Array.from({ length: 40 }, (_, index) => [10 + index, 0, 100, 0]);

/** Creates the ledger and the tables on one node; the others have them once they have caught up. */
export async function prepare({ url }: Server, engine: EngineName): Promise<void> {
  const connection = await mysql.createConnection(url);
  try {
    for (const { upStatements } of ledgerMigrations(engine)) {
      for (const sql of upStatements) await connection.query(sql);
    }
    for (const sql of TABLES) await connection.query(sql);
    await connection.query("INSERT INTO accounts VALUES ?", [ACCOUNTS]);
  } finally {
    connection.destroy();
  }
}

export interface NodeWitness extends ReturnType<typeof readings> {
  /** A digest of everything that must be the same on all nodes. */
  contents(): Promise<string>;
  close(): Promise<void>;
}

const CONTENTS = [
  "SELECT HEX(id), state, HEX(fingerprint), HEX(result) FROM opledger_operations ORDER BY id",
  "SELECT id, balance, version FROM accounts ORDER BY id",
  "SELECT id, n, note FROM effects ORDER BY id",
  "SELECT id, n, what FROM applied ORDER BY id",
];

/**
 * Looks at one node, once it has applied all that the cluster committed before.
 *
 * @param caughtUp run on the connection, so that each of its reads waits for what was committed elsewhere
 */
export async function openWitness({ url }: Server, caughtUp: string): Promise<NodeWitness> {
  const connection = await mysql.createConnection(url);
  await connection.query(caughtUp);
  const query = async (sql: string, values: readonly unknown[] = []): Promise<mysql.RowDataPacket[]> =>
    (await connection.query<mysql.RowDataPacket[]>(sql, [...values]))[0];
  return {
    ...readings(query),
    async contents() {
      const hash = createHash("sha256");
      for (const sql of CONTENTS) hash.update(JSON.stringify(await query(sql)));
      return hash.digest("hex");
    },
    close: async () => connection.destroy(),
  };
}
