import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { createLedger, type LedgerOptions, type PgLedger } from "../../src/adapters/pg/index.js";
import { newKey } from "../../src/core/operation.js";
import { createAnyDatabase } from "../proxy/database.js";
import { type Settled, show } from "./check.js";
import type { Witness } from "./target.js";
import { pgTarget } from "./targets/pg.js";

/** A prepared database of its own, and ledgers on it, for tests about `pg` itself. */
export interface Lab {
  readonly url: string;
  readonly witness: Witness;
  open(options?: LedgerOptions, url?: string, max?: number): { pool: pg.Pool; ledger: PgLedger };
  key(): { operation: string; key: string };
  close(): Promise<void>;
}

export async function openLab(given?: { url: string; drop(): Promise<void> }): Promise<Lab> {
  const database = given ?? (await createAnyDatabase());
  const witness = await pgTarget.prepare(database.url);
  const pools: pg.Pool[] = [];
  let keys = 0;
  return {
    url: database.url,
    witness,
    open: (options = {}, url = database.url, max = 4) => {
      const pool = new pg.Pool({ connectionString: url, max });
      pool.on("error", () => {});
      pools.push(pool);
      return { pool, ledger: createLedger(pool, options) };
    },
    key: () => ({ operation: "lab", key: ++keys % 2 === 0 ? newKey() : `key-${keys}` }),
    close: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
      await witness.close();
      await database.drop();
    },
  };
}

/** `ok`, or the error with its code and causes. */
export function end(settled: Settled<unknown>): string {
  return settled.ok ? "ok" : show(settled.error);
}

/** Holds an operation inside its work until `finish` is called. */
export async function hold(
  ledger: PgLedger,
  ref: Parameters<PgLedger["once"]>[0],
): Promise<{ finish(): Promise<unknown> }> {
  let finish: () => void = () => {};
  let begun = false;
  const call = ledger.once(ref, async () => {
    begun = true;
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return "held";
  });
  while (!begun) await sleep(5);
  return {
    finish: () => {
      finish();
      return call;
    },
  };
}
