import mysql from "mysql2/promise";
import { ledgerMigrations } from "../../../src/migrations/index.js";
import type { Meddler, Witness } from "../target.js";

const EVENTS = ["insert", "update", "delete"] as const;

/** Every committed change of a row leaves a row in `applied`, which has no constraint that could hide a second one. */
const TABLES = [
  "create table effects (id int auto_increment primary key, n int not null, note text)",
  "create table people (n int not null, email varchar(200) unique, name text)",
  `create table accounts (id int primary key, n int not null, balance bigint not null default 0,
    version int not null default 1, status varchar(20) not null default 'open', key (n))`,
  "create table applied (n int not null, what varchar(40) not null, key (n))",
  ...["effects", "people", "accounts"].flatMap((table) =>
    EVENTS.map(
      (event) => `create trigger ${table}_${event} after ${event} on ${table} for each row
        insert into applied values (${event === "delete" ? "OLD" : "NEW"}.n, '${event} ${table}')`,
    ),
  ),
];

/** In one transaction: a server that is killed leaves all of it or nothing. */
const seed = (n: number): string[] => [
  "start transaction",
  `delete from accounts where n = ${n}`,
  `insert into accounts (id, n, balance) values ${[0, 1, 2, 3].map((k) => `(${n * 10 + k}, ${n}, 100)`).join(", ")}`,
  `delete from applied where n = ${n}`,
  "commit",
];

export async function prepareMysql(url: string, engine: "mysql" | "mariadb"): Promise<Meddler> {
  const pool = mysql.createPool({ uri: url, connectionLimit: 3 });
  const own = new Set<number>();
  pool.pool.on("connection", (connection) => {
    own.add(connection.threadId);
    // The locks of a witness on gaps would stand in the way of those that it watches.
    connection.query("set session transaction isolation level read committed");
  });
  for (const { upStatements } of ledgerMigrations(engine)) {
    for (const statement of upStatements) await pool.query(statement);
  }
  for (const statement of TABLES) await pool.query(statement);
  return witness(pool, own);
}

type Rows = Record<string, unknown>[];

type Query = (statement: string, values?: readonly unknown[]) => Promise<Rows>;

/** What a witness reads, through whichever connection. */
export function readings(
  query: Query,
): Pick<Witness, "applied" | "balance" | "counted" | "increments" | "stored" | "unfinished"> {
  const number = async (statement: string, values: readonly unknown[] = []): Promise<number> =>
    Number((await query(statement, values))[0]?.value);
  return {
    applied: (n) => number("select count(*) as value from applied where n = ?", [n]),
    balance: (n) => number("select coalesce(sum(balance), 0) as value from accounts where n = ?", [n]),
    counted: (id) => number("select balance - 100 as value from accounts where id = ?", [id]),
    increments: async (keys) =>
      keys.length === 0
        ? 0
        : number(
            "select count(*) as value from opledger_operations where state = 1 and `key` in (?) and operation regexp '-[03]$'",
            [keys],
          ),
    stored: async (operation, key) =>
      (
        await query("select state, result from opledger_operations where operation = ? and `key` = ?", [
          operation,
          key,
        ])
      ).map(({ state, result }) => ({ state: Number(state), result: result as Buffer })),
    unfinished: () => number("select count(*) as value from opledger_operations where state = 0"),
  };
}

function witness(pool: mysql.Pool, own: ReadonlySet<number>): Meddler {
  const query = async (statement: string, values: readonly unknown[] = []): Promise<Rows> => {
    const [rows] = await pool.query(statement, [...values]);
    return Array.isArray(rows) ? (rows as Rows) : [];
  };
  return {
    seed: async (n) => {
      const connection = await pool.getConnection();
      let fit = false;
      try {
        for (const statement of seed(n)) await connection.query(statement);
        fit = true;
      } finally {
        if (fit) connection.release();
        else connection.destroy();
      }
    },
    ...readings(query),
    keys: async (scope) =>
      (await query("select `key` from opledger_operations where scope = ? order by `key`", [scope])).map(
        ({ key }) => String(key),
      ),
    expire: async (scope, key) => {
      await query(
        "update opledger_operations set expires_at = utc_timestamp(6) - interval 1000 microsecond where scope = ? and `key` = ?",
        [scope, key],
      );
    },
    kill: async (atMost) => kill(pool, shuffled(await connections(pool, own)).slice(0, atMost)),
    killWaiting: async () => {
      const waiting = await query(
        "select trx_mysql_thread_id id from information_schema.innodb_trx where trx_state = 'LOCK WAIT'",
      );
      const ids = new Set(waiting.map(({ id }) => Number(id)));
      return kill(
        pool,
        (await connections(pool, own)).filter((id) => ids.has(id)),
      );
    },
    query,
    close: () => pool.end(),
  };
}

/**
 * Of this database, without the witness's own. By SHOW: to read the table of processes, MySQL converts the text of every running
 * statement, and fails where one holds bytes.
 */
async function connections(pool: mysql.Pool, own: ReadonlySet<number>): Promise<number[]> {
  const [[database], [processes]] = await Promise.all([
    pool.query("select database() name"),
    pool.query("show processlist"),
  ]);
  const { name } = (database as { name: string }[])[0] ?? {};
  return (processes as { Id: number; db: string | null }[])
    .filter(({ Id, db }) => db === name && !own.has(Id))
    .map(({ Id }) => Id);
}

async function kill(pool: mysql.Pool, victims: readonly number[]): Promise<number> {
  // One that has ended by itself meanwhile is no failure (1094).
  for (const id of victims) await pool.query(`kill connection ${Number(id)}`).catch(() => {});
  return victims.length;
}

function shuffled(ids: readonly number[]): number[] {
  return ids
    .map((id) => ({ id, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ id }) => id);
}
