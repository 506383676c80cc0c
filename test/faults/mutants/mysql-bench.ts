import { setTimeout as sleep } from "node:timers/promises";
import mysql from "mysql2/promise";
import type * as Adapter from "../../../src/adapters/mysql2/index.js";
import type { MysqlLedger } from "../../../src/adapters/mysql2/index.js";
import type * as Migrations from "../../../src/migrations/index.js";
import { startProxy, targetOf, throughProxy } from "../../proxy/proxy.js";

type PoolOptions = Omit<mysql.PoolOptions, "uri">;

/** What the sharp cases of MySQL and MariaDB stand on. */
export interface Bench {
  readonly url: string;
  readonly adapter: typeof Adapter;
  readonly admin: mysql.Pool;
  /** A ledger on a pool of its own, as another process has it. */
  ledger(options?: Adapter.LedgerOptions, pool?: PoolOptions & { readonly uri?: string }): PooledLedger;
  /** One whose connection is cut at the COMMIT: before the server sees it, or after it has answered. */
  cutAtCommit(side: "client" | "server", options?: Adapter.LedgerOptions): Promise<MysqlLedger>;
  key(): { operation: string; key: string };
  number(sql: string): Promise<number>;
  /** Runs `body` while a row of the counters is locked by another transaction, which ends once `body` lets it. */
  behindLock<T>(body: (unlock: () => Promise<void>) => Promise<T>): Promise<T>;
}

export type PooledLedger = MysqlLedger & { readonly pool: mysql.Pool };

const TABLES = [
  "create table effects (id int auto_increment primary key, n int not null)",
  "create table counters (id int primary key, value int not null default 0 check (value >= 0), version int not null default 1)",
  `insert into counters (id) values ${Array.from({ length: 50 }, (_, index) => `(${index + 1})`).join(", ")}`,
  "create procedure commits() commit",
];

export async function mysqlBench(engine: "mysql" | "mariadb", folder: string, url: string): Promise<Bench> {
  const adapter = (await import(`${folder}/src/adapters/mysql2/index.ts`)) as typeof Adapter;
  const { ledgerMigrations } = (await import(`${folder}/src/migrations/index.ts`)) as typeof Migrations;
  const admin = mysql.createPool({ uri: url, connectionLimit: 3 });
  for (const { upStatements } of ledgerMigrations(engine))
    for (const statement of upStatements) await admin.query(statement);
  for (const statement of TABLES) await admin.query(statement);
  const ledger: Bench["ledger"] = (options = {}, { uri = url, ...more } = {}) => {
    const pool = mysql.createPool({ uri, connectionLimit: 4, ...more });
    return Object.assign(adapter.createLedger(pool, options), { pool });
  };
  let keys = 0;
  return {
    ...{ url, adapter, admin, ledger },
    cutAtCommit: async (side, options) => {
      const proxy = await startProxy(targetOf(url), { protocol: "mysql" });
      // Sent as text, the closing shows itself.
      const commits = ({ name, text }: { name: string; text: string }): boolean =>
        name === "COM_QUERY" && /COMMIT|_close`\(/.test(text);
      if (side === "client")
        proxy.arm({ direction: "client", moment: "before", how: "reset", match: commits });
      let cut = false;
      proxy.onMessage = (message) => {
        if (side === "client" || cut || !commits(message)) return;
        cut = true;
        proxy.arm({ direction: "server", moment: "before", how: "reset" });
      };
      return ledger({ ...options, prepare: false }, { uri: throughProxy(url, proxy) });
    },
    key: () => ({ operation: "check", key: `key-${++keys}` }),
    number: async (sql) => {
      const [rows] = await admin.query<mysql.RowDataPacket[]>(sql);
      return Number(Object.values(rows[0] ?? {})[0]);
    },
    behindLock: async (body) => {
      const holder = await admin.getConnection();
      await holder.query("start transaction");
      await holder.query("select 1 from counters where id = 1 for update");
      let locked = true;
      const unlock = async (): Promise<void> => {
        if (locked) await holder.query("rollback");
        locked = false;
      };
      try {
        return await body(unlock);
      } finally {
        await unlock();
        holder.release();
      }
    },
  };
}

/** Lets statements that were sent meet the lock that they are to wait for. */
export async function meeting(): Promise<void> {
  await sleep(150);
}
