import { createLedger } from "opledger/pg";
import pg from "pg";
import type { BareValues, Driver } from "./subject.js";

const SQL = {
  update: "UPDATE accounts SET balance = balance + $1 WHERE id = $2",
  insert: "INSERT INTO payments (id, account, amount, note) VALUES ($1, $2, $3, $4)",
  versioned: "UPDATE accounts SET status = $1, version = version + 1 WHERE id = $2 AND version = $3",
  select: "SELECT id, balance, status, version FROM accounts WHERE id = $1",
  both: `WITH changed AS (UPDATE accounts SET balance = balance + $1 WHERE id = $2 RETURNING id)
    INSERT INTO opledger_operations (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
    SELECT $3::uuid, 'acme', 'top_up', $4, sha256($5), 1, '\\x00'::bytea, now(), now() + interval '7 days' FROM changed`,
  claim: "INSERT INTO hand_ledger (key, created_at) VALUES ($1, now())",
  returning:
    "UPDATE accounts SET balance = balance + $1 WHERE id = $2 RETURNING id, balance, status, version",
  complete: "UPDATE hand_ledger SET result = $1 WHERE key = $2",
} as const;

/** Named on both sides: what is compared is the ledger, not the parser. */
function query(name: keyof typeof SQL, values: readonly unknown[]): pg.QueryConfig {
  return { name: `bench_${name}`, text: SQL[name], values: [...values] };
}

export function pgDriver(connectionString: string, connections: number): Driver {
  const pool = new pg.Pool({ connectionString, max: connections, idleTimeoutMillis: 0 });
  const ledger = createLedger(pool);
  return {
    ledger,
    async bare<K extends keyof BareValues>(kind: K, values: BareValues[K]): Promise<number> {
      return (await pool.query(query(kind, values))).rowCount ?? 0;
    },
    async twoRows(key, amount, account) {
      const values = [amount, account, key, key, Buffer.from(key)];
      return (await pool.query(query("both", values))).rowCount ?? 0;
    },
    handWritten: (key, amount, account) => handWritten(pool, key, amount, account),
    async once(operation, amount, account) {
      const { status } = await ledger.once(
        operation,
        async (tx) => (await tx.query(query("returning", [amount, account]))).rows[0],
      );
      return status;
    },
    close: () => pool.end(),
  };
}

async function handWritten(pool: pg.Pool, key: string, amount: number, account: number): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query(query("claim", [key]));
    const { rows } = await client.query(query("returning", [amount, account]));
    await client.query(query("complete", [JSON.stringify(rows[0]), key]));
    await client.query("COMMIT");
    client.release();
    return rows.length;
  } catch (error) {
    client.release(true);
    throw error;
  }
}
