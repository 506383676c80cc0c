import pg from "pg";
import { createLedger } from "../../../src/adapters/pg/index.js";
import type { PgTransaction } from "../../../src/adapters/pg/transaction.js";
import type { LedgerEvent } from "../../../src/core/events.js";
import { ledgerMigrations } from "../../../src/migrations/index.js";
import {
  CallersError,
  type Meddler,
  type Opened,
  type OpenOptions,
  type Speech,
  type Target,
} from "../target.js";

const SPEECH: Speech = {
  conflict: "do $$ begin raise exception 'no' using errcode = '40001'; end $$",
  idleTimeout: { settings: { idle_in_transaction_session_timeout: "100" }, limitMs: 100 },
  statementTimeout: {
    settings: { statement_timeout: "100" },
    code: "57014",
    slow: (seconds) => `select pg_sleep(${seconds})`,
  },
};

const COMMON = { engine: "postgres", speech: SPEECH, prepare } as const;

export const pgTarget: Target = { ...COMMON, name: "pg", open: openPg as Target["open"] };

/** A client that sends every query at once, each with a Sync of its own. */
export const pgPipelineTarget: Target = {
  ...COMMON,
  name: "pg pipeline",
  open: ((url, options) => openPg(url, options, { pipeline: true })) as Target["open"],
};

/** `pipeline` is newer than the published types. */
type PoolConfig = pg.PoolConfig & { readonly pipeline?: boolean };

const EFFECT = "insert into effects (n, note) values ($1, 'once')";

export function openPg(url: string, options: OpenOptions = {}, more: PoolConfig = {}): Opened<PgTransaction> {
  const { poolMax = 4, workTimeoutMs, settings = {}, onEvent, ...ledgerOptions } = options;
  const flags = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  const config: PoolConfig = {
    ...more,
    connectionString: url,
    max: poolMax,
    connectionTimeoutMillis: 5_000,
    ...(workTimeoutMs !== undefined && { query_timeout: workTimeoutMs }),
    ...(flags.length > 0 && { options: flags.join(" ") }),
  };
  const pool = new pg.Pool(config);
  pool.on("error", () => {});
  const events: LedgerEvent[] = [];
  const ledger = createLedger(pool, {
    ...ledgerOptions,
    onEvent: (event) => {
      events.push(event);
      onEvent?.(event);
    },
  });
  return {
    ledger,
    events,
    effect: async (tx, n) => {
      await tx.query(EFFECT, [n]);
    },
    sql: async (tx, statement) => (await tx.query(statement)).rows,
    sqlOnPool: async (statement) => (await pool.query<Record<string, unknown>>(statement)).rows,
    joined: (body) => joined(pool, (client) => body(ledger.within(client), (sql) => client.query(sql))),
    warm: async (connections) => {
      const all = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
      for (const client of all) client.release();
    },
    leak: async () => {
      const { totalCount, idleCount, waitingCount } = pool;
      if (totalCount === idleCount && waitingCount === 0) return undefined;
      return `pool: ${totalCount} clients, ${idleCount} idle, ${waitingCount} waiting`;
    },
    close: () => pool.end(),
  };
}

async function joined<T>(pool: pg.Pool, body: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // As every caller must who holds a client of a pool.
  client.on("error", () => {});
  const own = async (sql: string): Promise<void> => {
    try {
      await client.query(sql);
    } catch (error) {
      throw new CallersError(sql, { cause: error });
    }
  };
  let fit = false;
  try {
    await own("begin");
    const value = await body(client);
    await own("commit");
    fit = true;
    return value;
  } finally {
    client.release(!fit);
  }
}

/** Every committed change of a row leaves a row in `applied`, which has no constraint that could hide a second one. */
const TABLES = `
create table effects (n int not null, note text);
create table people (n int not null, email text unique, name text);
create table accounts (id int primary key, n int not null, balance bigint not null default 0,
  version int not null default 1, status text not null default 'open');
create table applied (n int not null, what text not null);
create index on applied (n);
create function count_applied() returns trigger language plpgsql as $$
begin
  insert into applied values (case when TG_OP = 'DELETE' then OLD.n else NEW.n end, TG_OP || ' ' || TG_TABLE_NAME);
  return null;
end $$;
create trigger applied after insert or update or delete on effects for each row execute function count_applied();
create trigger applied after insert or update or delete on people for each row execute function count_applied();
create trigger applied after insert or update or delete on accounts for each row execute function count_applied();
`;

/** One text of several statements is one transaction: a server that is killed leaves all of it or nothing. */
const seed = (n: number): string => `
delete from accounts where n = ${n};
insert into accounts (id, n, balance) select ${n} * 10 + k, ${n}, 100 from generate_series(0, 3) as k;
delete from applied where n = ${n}`;

async function prepare(url: string): Promise<Meddler> {
  const client = witnessPool(url);
  for (const { up } of ledgerMigrations("postgres")) await client.query(up);
  await client.query(TABLES);
  return pgWitness(client);
}

/** Looks at a database that was prepared before. */
export function pgWitnessOf(url: string): Meddler {
  return pgWitness(witnessPool(url));
}

function witnessPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 3 });
  pool.on("error", () => {});
  return pool;
}

const KILL =
  "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";

function pgWitness(client: pg.Pool): Meddler {
  const query = async (
    statement: string,
    values: readonly unknown[] = [],
  ): Promise<Record<string, unknown>[]> =>
    (await client.query<Record<string, unknown>>(statement, [...values])).rows;
  const number = async (statement: string, values: readonly unknown[] = []): Promise<number> =>
    Number((await query(statement, values))[0]?.value);
  return {
    seed: async (n) => {
      await client.query(seed(n));
    },
    applied: (n) => number("select count(*) as value from applied where n = $1", [n]),
    balance: (n) => number("select coalesce(sum(balance), 0) as value from accounts where n = $1", [n]),
    counted: (id) => number("select balance - 100 as value from accounts where id = $1", [id]),
    increments: (keys) =>
      number(
        "select count(*) as value from opledger_operations where state = 1 and key = any ($1) and operation ~ '-[03]$'",
        [keys],
      ),
    stored: async (operation, key) =>
      (
        await query("select state, result from opledger_operations where operation = $1 and key = $2", [
          operation,
          key,
        ])
      ).map(({ state, result }) => ({ state: Number(state), result: result as Buffer })),
    unfinished: () => number("select count(*) as value from opledger_operations where state = 0"),
    keys: async (scope) =>
      (await query("select key from opledger_operations where scope = $1 order by key", [scope])).map(
        ({ key }) => String(key),
      ),
    expire: async (scope, key) => {
      await query(
        "update opledger_operations set expires_at = clock_timestamp() - interval '1 ms' where scope = $1 and key = $2",
        [scope, key],
      );
    },
    kill: async (atMost) =>
      (await query(`${KILL} and application_name = '' order by random() limit $1`, [atMost ?? null])).length,
    killWaiting: async () => (await query(`${KILL} and wait_event_type = 'Lock'`)).length,
    query,
    close: () => client.end(),
  };
}
