import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import mysql from "mysql2/promise";
import { createLedger } from "../../../src/adapters/mysql2/index.js";
import type { MysqlTransaction } from "../../../src/adapters/mysql2/transaction.js";
import type { LedgerEvent } from "../../../src/core/events.js";
import { CallersError, type Opened, type OpenOptions, type Speech, type Target } from "../target.js";
import { prepareMysql } from "./mysql-witness.js";

type Family = "mariadb" | "mysql";

const statementTimeout = (name: string, limit: string, code: string): Speech["statementTimeout"] => ({
  settings: { [name]: limit },
  code,
  // In a condition: as the whole of a query, sleep() answers that it was interrupted, and the query succeeds.
  slow: (seconds) => `select 1 from effects where sleep(${seconds})`,
});

const CONFLICT = "signal sqlstate '40001' set mysql_errno = 1213";

const SPEECHES: Readonly<Record<Family, Speech>> = {
  mariadb: {
    conflict: CONFLICT,
    idleTimeout: { settings: { idle_transaction_timeout: "1" }, limitMs: 1_000 },
    statementTimeout: statementTimeout("max_statement_time", "0.1", "max_statement_time exceeded"),
  },
  mysql: {
    conflict: CONFLICT,
    idleTimeout: { settings: { wait_timeout: "1" }, limitMs: 1_000 },
    statementTimeout: statementTimeout("max_execution_time", "100", "ER_QUERY_TIMEOUT"),
  },
};

const target = (engine: Family, name: string): Target => ({
  name,
  engine,
  speech: SPEECHES[engine],
  open: openMysql2 as Target["open"],
  prepare: (url) => prepareMysql(url, engine),
});

export const mariadbTarget: Target = target("mariadb", "mysql2 × MariaDB");
export const mysqlTarget: Target = target("mysql", "mysql2 × MySQL");

const EFFECT = "insert into effects (n, note) values (?, 'once')";

function openMysql2(url: string, options: OpenOptions = {}): Opened<MysqlTransaction> {
  const { poolMax = 4, workTimeoutMs, settings = {}, onEvent, prepare, ...ledgerOptions } = options;
  const pool = mysql.createPool({ uri: url, connectionLimit: poolMax, connectTimeout: 5_000 });
  const session = Object.entries(settings).map(([name, value]) => `session ${name} = ${value}`);
  if (session.length > 0) {
    pool.pool.on("connection", (connection) => connection.query(`set ${session.join(", ")}`));
  }
  const events: LedgerEvent[] = [];
  const ledger = createLedger(pool, {
    ...ledgerOptions,
    ...(typeof prepare === "boolean" && { prepare }),
    onEvent: (event) => {
      events.push(event);
      onEvent?.(event);
    },
  });
  const asked = (sql: string, values?: unknown[]): Asked => ({
    sql,
    ...(values !== undefined && { values }),
    ...(workTimeoutMs !== undefined && { timeout: workTimeoutMs }),
  });
  return {
    ledger,
    events,
    effect: async (tx, n) => {
      await tx.query(asked(EFFECT, [n]));
    },
    sql: async (tx, statement) => rowsOf((await tx.query<unknown>(asked(statement)))[0]),
    sqlOnPool: (statement) => onPool(pool, asked(statement)),
    joined: (body) =>
      joined(pool, asked, (connection) =>
        body(ledger.within(connection), (sql) => connection.query(asked(sql))),
      ),
    warm: async (connections) => {
      const all = await Promise.all(Array.from({ length: connections }, () => pool.getConnection()));
      for (const connection of all) connection.release();
    },
    leak: () => leakOf(pool),
    close: () => pool.end(),
  };
}

type Asked = { readonly sql: string; readonly values?: unknown[]; readonly timeout?: number };

function rowsOf(result: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(result) ? (result as Record<string, unknown>[]) : [];
}

const ACQUIRE_MS = 5_000;

/** As work should that uses the pool: the pool itself would let it wait for ever. */
async function onPool(pool: mysql.Pool, asked: Asked): Promise<readonly Record<string, unknown>[]> {
  let late = false;
  const connecting = pool.getConnection().then((connection) => {
    if (!late) return connection;
    connection.release();
    throw new Error("too late");
  });
  const timedOut = sleep(ACQUIRE_MS, undefined, { ref: false }).then(() => {
    late = true;
    throw new Error(`no connection within ${ACQUIRE_MS} ms`);
  });
  for (const each of [connecting, timedOut]) each.catch(() => {});
  const connection = await Promise.race([connecting, timedOut]);
  try {
    return rowsOf((await connection.query(asked))[0]);
  } finally {
    connection.release();
  }
}

const TURNS_MAX = 20;

/** The pool publishes no counts of its own, and hands a connection on to who waits for it in a later turn. */
async function leakOf(pool: mysql.Pool): Promise<string | undefined> {
  type Queue = { readonly length: number };
  const { _allConnections, _freeConnections, _connectionQueue } = pool.pool as unknown as Record<
    "_allConnections" | "_freeConnections" | "_connectionQueue",
    Queue
  >;
  const busy = (): boolean =>
    _allConnections.length !== _freeConnections.length || _connectionQueue.length > 0;
  for (let turn = 0; turn < TURNS_MAX && busy(); turn++) await setImmediate();
  const [all, free, waiting] = [_allConnections.length, _freeConnections.length, _connectionQueue.length];
  return all === free && waiting === 0
    ? undefined
    : `pool: ${all} connections, ${free} free, ${waiting} waiting`;
}

async function joined<T>(
  pool: mysql.Pool,
  asked: (sql: string) => Asked,
  body: (connection: mysql.PoolConnection) => Promise<T>,
): Promise<T> {
  const own = async (sql: string, run: () => Promise<unknown>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      throw new CallersError(sql, { cause: error });
    }
  };
  const connection = await pool.getConnection();
  let fit = false;
  try {
    await own("begin", () => connection.query(asked("start transaction")));
    const value = await body(connection);
    await own("commit", () => connection.query(asked("commit")));
    fit = true;
    return value;
  } finally {
    if (fit) connection.release();
    else connection.destroy();
  }
}
