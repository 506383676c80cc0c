/** Compiled, never run: wrong arguments are refused by the compiler, right ones are not. */
import pg from "pg";
import { createLedger, type PgLedger } from "../../src/adapters/pg/index.js";
import { type ErrorCode, newKey, type OperationRef } from "../../src/index.js";

const key: string = newKey();
const ref: OperationRef = { operation: "o", key };

export function ledgers(): void {
  createLedger(new pg.Pool());
  createLedger(new pg.Client(), {
    retentionMs: 1,
    waitMs: 0,
    schema: "s",
    table: "t",
    prepare: false,
    redact: ["card"],
  });
  createLedger(new pg.Pool(), {
    onEvent: ({ type }) => type,
    storeError: (error, { operation }) => [error, operation],
  });
  // @ts-expect-error a ledger is made over a pool or a client
  createLedger("postgres://localhost");
  // @ts-expect-error milliseconds are numbers
  createLedger(new pg.Pool(), { waitMs: "10s" });
  // @ts-expect-error no such way of preparing
  createLedger(new pg.Pool(), { prepare: "never" });
  // @ts-expect-error no such option: a typo must not pass
  createLedger(new pg.Pool(), { retentionMS: 1 });
}

export function operations(ledger: PgLedger): void {
  // @ts-expect-error an operation has a key
  ledger.operation({ operation: "o" });
  // @ts-expect-error keys are text
  ledger.operation({ operation: "o", key: 7 });
  // @ts-expect-error moments are Dates
  ledger.operation({ operation: "o", key, issuedAt: Date.now() });
  ledger.once(ref, () => 1, { isolationLevel: "serializable" });
  // @ts-expect-error no such isolation level
  ledger.once(ref, () => 1, { isolationLevel: "chaos" });
  // @ts-expect-error once takes work
  ledger.once(ref);
  // @ts-expect-error the work's handle cannot be released
  ledger.once(ref, (tx) => tx.release());
}

export function writes(ledger: PgLedger): void {
  const op = ledger.operation(ref);
  // @ts-expect-error inserts have values
  op.insert({ into: "t" });
  // @ts-expect-error the table of an insert is `into`
  op.insert({ table: "t", values: {} });
  // @ts-expect-error conflict is a list of columns
  op.insert({ into: "t", values: {}, conflict: "id" });
  // @ts-expect-error an upsert has a natural key
  op.upsert({ into: "t", values: {} });
  // @ts-expect-error an update has a where
  op.update({ table: "t", set: {} });
  // @ts-expect-error a version is a number
  op.update({ table: "t", where: { id: 1 }, set: { a: 1 }, version: "3" });
  // @ts-expect-error amounts are numbers, bigints or decimal text
  op.increment({ table: "t", where: { id: 1 }, by: { n: null } });
  // @ts-expect-error the table of a delete is `from`
  op.delete({ table: "t", where: { id: 1 } });
  ledger.insertMany([{ ...ref, into: "t", values: {} }]);
  // @ts-expect-error each insert of a batch names its operation
  ledger.insertMany([{ into: "t", values: {} }]);
  // @ts-expect-error a batch is not a mix of verbs
  ledger.incrementMany([{ ...ref, into: "t", values: {} }]);
  ledger.sweep({ batch: 10, limit: 20, onProgress: async ({ removed }) => void removed });
  // @ts-expect-error limits are numbers
  ledger.sweep({ limit: "all" });
}

export async function joining(ledger: PgLedger, pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  const joined = ledger.within(client);
  await joined.once(ref, (tx) => ledger.within(tx).operation(ref).insert({ into: "t", values: {} }));
  // @ts-expect-error what has joined cannot be joined again through itself
  joined.within(client);
}

// @ts-expect-error no such code
export const code: ErrorCode = "OPLEDGER_OOPS";
