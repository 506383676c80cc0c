import callback from "mysql2";
import mysql from "mysql2/promise";
import { createLedger, type MysqlLedger, type MysqlTransaction } from "../../src/adapters/mysql2/index.js";
import type { LedgerEvent } from "../../src/core/events.js";
import type { Tally } from "../faults/figures.js";
import type { Opened } from "../faults/target.js";
import type { Server } from "../servers/types.js";

/** A ledger over a pool on one node of the cluster. */
export interface Client extends Pick<Opened<MysqlTransaction>, "events" | "effect" | "close"> {
  readonly ledger: MysqlLedger;
}

interface ClientOptions {
  /** Run on each new connection. */
  readonly session?: string;
  readonly connections?: number;
}

const CONFLICT = 1213;

type Send = (...given: unknown[]) => unknown;
interface Sending {
  query: Send;
  execute: Send;
}

/** Counts the conflicts that the server reports, by where they surface. */
function watch(connection: Sending, tally: Tally): void {
  for (const method of ["query", "execute"] as const) {
    const send: Send = connection[method].bind(connection);
    connection[method] = (...given) => {
      const done = given.at(-1);
      if (typeof done !== "function") return send(...given);
      const sql = String((given[0] as { sql?: unknown }).sql ?? given[0]);
      const noted = (error: { errno?: number } | null, ...more: unknown[]): void => {
        if (error?.errno === CONFLICT) {
          tally.fault(
            /\bCOMMIT\b|_close/.test(sql) ? "conflicts at COMMIT" : "conflicts at another statement",
          );
        }
        done(error, ...more);
      };
      return send(...given.slice(0, -1), noted);
    };
  }
}

export function openClient(server: Server, tally: Tally, options: ClientOptions = {}): Client {
  const { session, connections = 6 } = options;
  const pool = callback.createPool({
    uri: server.url,
    connectionLimit: connections,
    connectTimeout: 2_000,
  });
  pool.on("connection", (connection) => {
    if (session !== undefined) connection.query(session, () => undefined);
    watch(connection as unknown as Sending, tally);
  });
  const events: LedgerEvent[] = [];
  const ledger = createLedger(pool, {
    waitMs: 2_000,
    responseMs: 2_000,
    onEvent: (event) => events.push(event),
  });
  return {
    ledger,
    events,
    effect: async (tx, n) => {
      await tx.execute("INSERT INTO effects (n, note) VALUES (?, 'once')", [n]);
    },
    close: () => new Promise((resolve) => pool.end(() => resolve())),
  };
}

/** One statement on a connection of its own, past every ledger. */
export async function ask<T = Record<string, unknown>>(
  { url }: Server,
  sql: string,
  values: readonly unknown[] = [],
): Promise<T[]> {
  const connection = await mysql.createConnection({ uri: url, connectTimeout: 5_000 });
  try {
    const [rows] = await connection.query<mysql.RowDataPacket[]>(sql, [...values]);
    return rows as unknown as T[];
  } finally {
    connection.destroy();
  }
}
