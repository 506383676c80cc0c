import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import pg from "pg";
import type * as Adapter from "../../../src/adapters/pg/index.js";
import type { PgLedger } from "../../../src/adapters/pg/index.js";
import type * as Migrations from "../../../src/migrations/index.js";
import { startProxy, targetOf, throughProxy } from "../../proxy/proxy.js";
import { SHARP_CASES } from "./cases.js";

/**
 * The sharp cases of the suite, run against any copy of the source: `checks.ts <folder> <database url>`. Ends with 0
 * where all pass, with 1 and the first failure's name where one does not.
 */
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

export function check(what: string, holds: boolean): void {
  if (!holds) throw new Error(what);
}

export function same(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  const show = (value: unknown): string => {
    if (value instanceof Error) return `${value.name}: ${value.message.slice(0, 80)}`;
    return (
      JSON.stringify(value, (_, entry: unknown) => (typeof entry === "bigint" ? `${entry}n` : entry)) ??
      "undefined"
    );
  };
  throw new Error(`${what}: ${show(actual)}, not ${show(expected)}`);
}

/** The code of the error that a call ends in; `ok` where it ends well. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    const { code } = error as { code?: unknown };
    return typeof code === "string" ? code : String(error);
  }
}

const TABLES = `
create table effects (n int not null);
create table counters (id int primary key, value int not null default 0, version int not null default 1);
insert into counters select generate_series(1, 50)`;

async function bench(folder: string, url: string): Promise<Bench> {
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

const [folder, url] = process.argv.slice(2);
if (folder === undefined || url === undefined) throw new Error("usage: checks.ts <folder> <database url>");
const made = await bench(folder, url);
for (const [name, run] of Object.entries(SHARP_CASES)) {
  try {
    await Promise.race([
      run(made),
      sleep(8_000, undefined, { ref: false }).then(() => {
        throw new Error("hangs");
      }),
    ]);
  } catch (error) {
    console.log(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
process.exit(0);
