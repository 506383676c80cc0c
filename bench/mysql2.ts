import mysql from "mysql2/promise";
import { createLedger } from "opledger/mysql2";
import type { BareValues, Driver } from "./subject.js";

/** Neither engine returns an updated row from the UPDATE itself; LAST_INSERT_ID() hands its new value back. */
const SQL = {
  update: "UPDATE accounts SET balance = LAST_INSERT_ID(balance + ?) WHERE id = ?",
  insert: "INSERT INTO payments (id, account, amount, note) VALUES (?, ?, ?, ?)",
  versioned: "UPDATE accounts SET status = ?, version = version + 1 WHERE id = ? AND version = ?",
  select: "SELECT id, balance, status, version FROM accounts WHERE id = ?",
  claim: "INSERT INTO hand_ledger (`key`, created_at) VALUES (?, UTC_TIMESTAMP(6))",
  complete: "UPDATE hand_ledger SET result = ? WHERE `key` = ?",
} as const;

const FLOOR_STEPS = (
  key: string,
  amount: string,
  account: string,
  result: string,
): string => `START TRANSACTION;
  UPDATE accounts SET balance = balance + ${amount} WHERE id = ${account};
  SELECT id, balance, status, version FROM accounts WHERE id = ${account};
  INSERT INTO hand_ledger (\`key\`, result, created_at) VALUES (${key}, ${result}, UTC_TIMESTAMP(6));
  COMMIT;`;

/** MySQL has no compound statement outside of a procedure. */
export const FLOOR_PROCEDURE = `CREATE PROCEDURE floor_write(p_key CHAR(36), p_amount BIGINT, p_account INT, p_result TEXT)
BEGIN ${FLOOR_STEPS("p_key", "p_amount", "p_account", "p_result")} END`;

const FLOOR = {
  mysql: "CALL floor_write(?, ?, ?, ?)",
  mariadb: `BEGIN NOT ATOMIC
  DECLARE p_key CHAR(36) DEFAULT ?; DECLARE p_amount BIGINT DEFAULT ?; DECLARE p_account INT DEFAULT ?; DECLARE p_result TEXT DEFAULT ?;
  ${FLOOR_STEPS("p_key", "p_amount", "p_account", "p_result")}
END`,
} as const;
const FLOOR_RESULT = JSON.stringify({ id: 1, balance: "1", status: "open", version: 0 });

export function mysql2Driver(engine: keyof typeof FLOOR, uri: string, connectionLimit: number): Driver {
  const pool = mysql.createPool({ uri, connectionLimit });
  const ledger = createLedger(pool);
  return {
    ledger,
    async bare<K extends keyof BareValues>(kind: K, values: BareValues[K]): Promise<number> {
      const [result] = await pool.execute<mysql.RowDataPacket[] | mysql.ResultSetHeader>(SQL[kind], [
        ...values,
      ]);
      return Array.isArray(result) ? result.length : result.affectedRows;
    },
    handWritten: (key, amount, account) => handWritten(pool, key, amount, account),
    async floor(key, amount, account) {
      const [sets] = await pool.execute<mysql.RowDataPacket[][]>(FLOOR[engine], [
        key,
        amount,
        account,
        FLOOR_RESULT,
      ]);
      return sets[0]?.length ?? 0;
    },
    async once(operation, amount, account) {
      const { status } = await ledger.once(operation, async (tx) => {
        const [{ insertId }] = await tx.execute<mysql.ResultSetHeader>(SQL.update, [amount, account]);
        return { id: account, balance: insertId };
      });
      return status;
    },
    close: () => pool.end(),
  };
}

async function handWritten(pool: mysql.Pool, key: string, amount: number, account: number): Promise<number> {
  const connection = await pool.getConnection();
  try {
    await connection.query("START TRANSACTION");
    await connection.execute(SQL.claim, [key]);
    const [updated] = await connection.execute<mysql.ResultSetHeader>(SQL.update, [amount, account]);
    await connection.execute(SQL.complete, [JSON.stringify({ id: account, balance: updated.insertId }), key]);
    await connection.query("COMMIT");
    connection.release();
    return updated.affectedRows;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}
