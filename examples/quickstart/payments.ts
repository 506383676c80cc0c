import { createLedger } from "opledger/pg";
import type pg from "pg";
import type { Charge } from "./deliveries.js";

/** The service's own tables: no constraint here knows about duplicates. */
export const SCHEMA = `
  CREATE TABLE accounts (id text PRIMARY KEY, balance_cents bigint NOT NULL DEFAULT 0);
  CREATE TABLE charges (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    charge_id    text   NOT NULL,
    amount_cents bigint NOT NULL
  );
  CREATE INDEX ON charges (charge_id);
`;
export const MERCHANT = "merchant";

interface Receipt {
  /** The row in `charges` that this delivery made, or found. */
  readonly number: bigint;
  readonly amountCents: bigint;
  /** The handler's own check found the charge already made. */
  readonly found: boolean;
}

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

export interface Answer {
  readonly status: "executed" | "replayed";
  readonly receipt: Receipt;
}

/** One instance of the payment service. */
export interface Service {
  /** @param effectDone called with the effect done and nothing committed; a worker that is to die then dies there */
  handle(delivery: Charge, effectDone?: () => Promise<void>): Promise<Answer>;
}

/** The handler in a transaction, and nothing else. */
function naive(pool: pg.Pool): Service {
  return {
    async handle(delivery, effectDone) {
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
    },
  };
}

/** The same handler through opledger. */
function throughOpledger(pool: pg.Pool): Service {
  const ledger = createLedger(pool);
  return {
    async handle(delivery, effectDone) {
      const operation = { operation: "charge", key: delivery.id, payload: delivery };
      const { status, value } = await ledger.once(operation, async (tx) => {
        const receipt = await charge(tx, delivery);
        await effectDone?.();
        return receipt;
      });
      return { status, receipt: value };
    },
  };
}

export const SERVICES = { naive, opledger: throughOpledger } as const;
export type ServiceName = keyof typeof SERVICES;
