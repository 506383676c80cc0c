import { Socket } from "node:net";
import { ledgerMigrations } from "opledger/migrations";
import { createLedger } from "opledger/pg";
import pg from "pg";
import { startPostgres } from "../../test/servers/postgres.js";
import { DeafSocket } from "./deaf-socket.js";
import type { Charge } from "./deliveries.js";
import { type Engine, MERCHANT, type Receipt, type Service } from "./service.js";

/** The service's own tables: no constraint here knows about duplicates. */
const SCHEMA = `
  CREATE TABLE accounts (id text PRIMARY KEY, balance_cents bigint NOT NULL DEFAULT 0);
  CREATE TABLE charges (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    charge_id    text   NOT NULL,
    amount_cents bigint NOT NULL
  );
  CREATE INDEX ON charges (charge_id);
`;

/** What the handler needs of a connection: pg's clients have it, and so has the transaction that opledger hands out. */
interface Queryable {
  query<R extends object>(sql: string, values: readonly unknown[]): Promise<{ readonly rows: R[] }>;
}

/** The handler that people write: look whether it was done, else do it. Both services run this one function. */
async function charge(db: Queryable, { id, customer, amountCents }: Charge): Promise<Receipt> {
  const seen = await db.query<{ number: string }>("SELECT number FROM charges WHERE charge_id = $1", [id]);
  const [before] = seen.rows;
  if (before !== undefined) return { number: BigInt(before.number), amountCents, found: true };

  const made = await db.query<{ number: string }>(
    "INSERT INTO charges (charge_id, amount_cents) VALUES ($1, $2) RETURNING number",
    [id, amountCents],
  );
  const move = "UPDATE accounts SET balance_cents = balance_cents + $2 WHERE id = $1";
  await db.query(move, [customer, -amountCents]);
  await db.query(move, [MERCHANT, amountCents]);
  return { number: BigInt(made.rows[0]?.number ?? 0), amountCents, found: false };
}

/** The handler in a transaction, and nothing else. */
function naive(pool: pg.Pool): Service["handle"] {
  return async (delivery, effectDone) => {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      const receipt = await charge(client, delivery);
      await effectDone?.();
      await client.query("COMMIT");
      return { status: receipt.found ? "replayed" : "executed", receipt };
    } catch (error) {
      await client.query("ROLLBACK");
      throw error;
    } finally {
      client.release();
    }
  };
}

/** The same handler through opledger. */
function opledger(pool: pg.Pool): Service["handle"] {
  const ledger = createLedger(pool);
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

export const postgres: Engine = {
  title: "PostgreSQL",
  start: () => startPostgres({ version: 18 }),
  open(service, url, { connections, deafFromCommit }) {
    const stream = (): Socket =>
      deafFromCommit === undefined
        ? new Socket()
        : new DeafSocket((bytes) => bytes.includes("COMMIT\0"), deafFromCommit);
    const pool = new pg.Pool({ connectionString: url, max: connections, stream });
    return { handle: HANDLERS[service](pool), close: () => pool.end() };
  },
  schema: [SCHEMA],
  ledger: ledgerMigrations("postgres").map(({ up }) => up),
  async run<Row>(url: string, statements: readonly string[]): Promise<Row[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      let rows: unknown[] = [];
      for (const statement of statements) rows = (await client.query(statement)).rows;
      return rows as Row[];
    } finally {
      await client.end();
    }
  },
};
