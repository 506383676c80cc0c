import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type * as Adapter from "../../../src/adapters/pg/index.js";
import type { PgLedger } from "../../../src/adapters/pg/index.js";
import type * as Migrations from "../../../src/migrations/index.js";
import { startProxy, targetOf, throughProxy } from "../../proxy/proxy.js";

/** What the sharp cases of PostgreSQL stand on. */
export interface Bench {
  readonly url: string;
  readonly adapter: typeof Adapter;
  readonly admin: pg.Pool;
  /** A ledger on a pool of its own, as another process has it. */
  ledger(options?: Adapter.LedgerOptions, url?: string, max?: number): PgLedger & { readonly pool: pg.Pool };
  /** One whose connection is cut at the COMMIT: before the server sees it, or after it has answered. */
  cutAtCommit(side: "client" | "server", options?: Adapter.LedgerOptions): Promise<PgLedger>;
  key(): { operation: string; key: string };
  number(sql: string): Promise<number>;
  /** Runs `both` while a row is locked, so that all of them meet behind it. */
  behindLock<T>(both: () => Promise<T>[]): Promise<PromiseSettledResult<T>[]>;
}

const TABLES = `
create table effects (n int not null);
create table counters (id int primary key, value int not null default 0, version int not null default 1);
insert into counters select generate_series(1, 50)`;

export async function pgBench(folder: string, url: string): Promise<Bench> {
  const adapter = (await import(`${folder}/src/adapters/pg/index.ts`)) as typeof Adapter;
  const { ledgerMigrations } = (await import(`${folder}/src/migrations/index.ts`)) as typeof Migrations;
  const admin = new pg.Pool({ connectionString: url, max: 2 });
  admin.on("error", () => {});
  for (const { up } of ledgerMigrations("postgres")) await admin.query(up);
  await admin.query(TABLES);
  const ledger: Bench["ledger"] = (options = {}, at = url, max = 4) => {
    const pool = new pg.Pool({ connectionString: at, max });
    pool.on("error", () => {});
    return Object.assign(adapter.createLedger(pool, options), { pool });
  };
  let keys = 0;
  return {
    ...{ url, adapter, admin, ledger },
    cutAtCommit: async (side, options) => {
      const proxy = await startProxy(targetOf(url));
      const match = ({ name, text }: { name: string; text: string }): boolean =>
        text.includes("COMMIT") && (side === "client" || name === "CommandComplete");
      proxy.arm({ direction: side, moment: side === "client" ? "before" : "after", how: "reset", match });
      return ledger(options, throughProxy(url, proxy));
    },
    key: () => ({ operation: "check", key: `key-${++keys}` }),
    number: async (sql) => Number(Object.values((await admin.query(sql)).rows[0] ?? {})[0]),
    behindLock: async (both) => {
      const holder = await admin.connect();
      await holder.query("begin");
      await holder.query("select from counters where id = 1 for update");
      const all = Promise.allSettled(both());
      await sleep(150);
      await holder.query("rollback");
      holder.release();
      return all;
    },
  };
}
