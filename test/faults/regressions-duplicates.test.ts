import { setTimeout as sleep } from "node:timers/promises";
import mysql from "mysql2/promise";
import pg from "pg";
import { describe, expect, it } from "vitest";
import * as mysql2Adapter from "../../src/adapters/mysql2/index.js";
import * as pgAdapter from "../../src/adapters/pg/index.js";
import type { Ledger } from "../../src/core/ledger.js";
import { ledgerMigrations } from "../../src/migrations/index.js";
import { createDatabase, serverUrl } from "../servers/use.js";

// An effect that the first run leaves no room for: the balance is spent, and a CHECK refuses to spend it twice. A concurrent
// duplicate must be told what the first run did, and not that there is no money.

const CALLERS = 4;
const TABLES = [
  "CREATE TABLE purses (id int PRIMARY KEY, cents bigint NOT NULL CHECK (cents >= 0))",
  "INSERT INTO purses VALUES (1, 10), (2, 10)",
];

interface Client {
  query(sql: string): Promise<unknown>;
  end(): Promise<void>;
}

const SERVERS = ["postgres15", "mariadb", "mysql"] as const;

async function connect(server: (typeof SERVERS)[number], url: string): Promise<Client> {
  if (server !== "postgres15") return mysql.createConnection(url);
  const client = new pg.Client(url);
  await client.connect();
  return client;
}

function ledgerOf(
  server: (typeof SERVERS)[number],
  url: string,
): { ledger: Pick<Ledger<unknown>, "operation" | "incrementMany">; close(): Promise<void> } {
  if (server === "postgres15") {
    const pool = new pg.Pool({ connectionString: url });
    // Dropping the database ends what the pool has not closed yet.
    pool.on("error", () => {});
    return { ledger: pgAdapter.createLedger(pool), close: () => pool.end() };
  }
  const pool = mysql.createPool(url);
  return { ledger: mysql2Adapter.createLedger(pool), close: () => pool.end() };
}

const SPENDING = {
  "a bound write": async (ledger: Pick<Ledger<unknown>, "operation">, key: string) =>
    (
      await ledger
        .operation({ operation: "spend", key })
        .increment({ table: "purses", where: { id: 1 }, by: { cents: -10 } })
    ).status,
  "a batch": async (ledger: Pick<Ledger<unknown>, "incrementMany">, key: string) => {
    const [first] = await ledger.incrementMany([
      { operation: "spend", key, table: "purses", where: { id: 1 }, by: { cents: -10 } },
    ]);
    return first?.status;
  },
} as const;

describe.each(SERVERS)("a spent purse on %s", (server) => {
  it.skipIf(serverUrl(server) === undefined).each(Object.entries(SPENDING))(
    "%s: concurrent duplicates replay, and another operation is refused",
    async (_, spend) => {
      const database = await createDatabase(server);
      const admin = await connect(server, database.url);
      const engine = server === "postgres15" ? "postgres" : server;
      for (const { upStatements } of ledgerMigrations(engine)) {
        for (const sql of upStatements) await admin.query(sql);
      }
      for (const sql of TABLES) await admin.query(sql);
      const callers = Array.from({ length: CALLERS }, () => ledgerOf(server, database.url));

      await admin.query("START TRANSACTION");
      await admin.query("SELECT * FROM purses FOR UPDATE");
      const ends = Promise.all(callers.map(({ ledger }) => spend(ledger, "k")));
      // So that all of them have looked for an earlier run, and wait for the row.
      await sleep(300);
      await admin.query("COMMIT");
      const replays = Array<string>(CALLERS - 1).fill("replayed");
      expect([...(await ends)].sort()).toEqual(["executed", ...replays]);
      const [caller] = callers;
      if (caller === undefined) throw new Error("there are callers");
      await expect(spend(caller.ledger, "other")).rejects.toThrow(/check|constraint/i);

      await Promise.all([admin.end(), ...callers.map(({ close }) => close())]);
      await database.drop();
    },
  );
});
