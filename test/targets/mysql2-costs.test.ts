import { readFileSync } from "node:fs";
import mysql from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLedger, type MysqlLedger, type MysqlTransaction } from "../../src/adapters/mysql2/index.js";
import type { Ledger } from "../../src/core/ledger.js";
import { ledgerMigrations } from "../../src/migrations/index.js";
import { type FaultProxy, startProxy, targetOf, throughProxy } from "../proxy/proxy.js";
import { createDatabase, serverUrl } from "../servers/use.js";

// What a call costs: the guide's table of round trips, held against the wire, and the rows that are written.

type Setting = "alone" | "inside `within`";
type Work = (tx: MysqlTransaction) => Promise<unknown>;

const GUIDE = new URL("../../docs/guides/mysql2.md", import.meta.url);
const BATCH = 25;
const TABLE = "CREATE TABLE counters (id int PRIMARY KEY, n bigint NOT NULL)";
const ROWS = `INSERT INTO counters VALUES ${Array.from({ length: BATCH }, (_, id) => `(${id}, 0)`).join(", ")}`;
const idle: Work = async () => 1;

/** What each line of the table counts. A fresh key is a first run; one that was used before is a replay. */
const CALLS: Readonly<Record<string, (ledger: Ledger<MysqlTransaction>, key: string) => Promise<unknown>>> = {
  "bound write": (ledger, key) =>
    ledger
      .operation({ operation: "add", key })
      .increment({ table: "counters", where: { id: 1 }, by: { n: 1 } }),
  "`once`": (ledger, key) => ledger.once({ operation: "once", key }, idle),
  "batch, however many": (ledger, key) =>
    ledger.incrementMany(
      Array.from({ length: BATCH }, (_, id) => ({
        ...{ operation: "add", key: `${key}-${id}` },
        ...{ table: "counters", where: { id }, by: { n: 1 } },
      })),
    ),
};

/** The table's lines, each by its first cell, and what stands in the column that a setting has on an engine. */
function promised(line: string, column: string): number {
  const cells = readFileSync(GUIDE, "utf8")
    .split("\n")
    .filter((text) => text.startsWith("|"))
    .map((text) => text.split("|").map((cell) => cell.trim()));
  const head = cells.find((row) => row[1] === "call") ?? [];
  const found = cells.find((row) => row[1] === line)?.[head.indexOf(column)];
  return Number(/^\d+/.exec(found ?? "")?.[0]);
}

const SERVERS = [
  { engine: "mariadb", name: "MariaDB", procedures: false },
  { engine: "mysql", name: "MySQL", procedures: true },
  { engine: "mysql", name: "MySQL without procedures", procedures: false },
] as const;

describe.each(SERVERS)("round trips on $name", ({ engine, name, procedures }) => {
  const missing = serverUrl(engine) === undefined;
  let drop: () => Promise<void>;
  let proxy: FaultProxy;
  let pool: mysql.Pool;
  let ledger: MysqlLedger;
  let keys = 0;
  // What a joined transaction takes does not depend on procedures.
  const engineName = engine === "mariadb" ? "MariaDB" : "MySQL";

  beforeAll(async () => {
    if (missing) return;
    const database = await createDatabase(engine);
    drop = database.drop;
    const admin = await mysql.createConnection(database.url);
    for (const { upStatements } of ledgerMigrations(engine)) {
      for (const sql of upStatements) {
        if (procedures || !sql.includes("CREATE PROCEDURE")) await admin.query(sql);
      }
    }
    for (const sql of [TABLE, ROWS]) await admin.query(sql);
    await admin.end();
    proxy = await startProxy(targetOf(database.url), { protocol: "mysql" });
    pool = mysql.createPool({ uri: throughProxy(database.url, proxy), connectionLimit: 1 });
    ledger = createLedger(pool);
  });

  afterAll(async () => {
    if (missing) return;
    await pool.end();
    await proxy.close();
    await drop();
  });

  async function counted(run: () => Promise<unknown>): Promise<number> {
    proxy.resetCounters();
    await run();
    return proxy.roundTrips();
  }

  /** The second of two, since the first has everything still to be prepared. A replay is of what another process did. */
  async function trips(line: string, setting: Setting, replays: boolean): Promise<number> {
    const call = CALLS[line];
    if (call === undefined) throw new Error(`nothing is known of ${line}`);
    const [warm, key] = [`k-${keys++}`, `k-${keys++}`];
    if (replays) for (const each of [warm, key]) await call(createLedger(pool), each);
    if (setting === "alone") {
      await call(ledger, warm);
      return counted(() => call(ledger, key));
    }
    const connection = await pool.getConnection();
    await connection.beginTransaction();
    await call(ledger.within(connection), warm);
    const found = await counted(() => call(ledger.within(connection), key));
    await connection.rollback();
    connection.release();
    return found;
  }

  /** Rows that the pool's only connection wrote while `run` ran, by the server's own count. */
  async function written(run: () => Promise<unknown>): Promise<number> {
    const read = async (): Promise<number> => {
      const [rows] = await pool.query<mysql.RowDataPacket[]>(
        "SHOW SESSION STATUS WHERE Variable_name IN ('Handler_write', 'Handler_update', 'Handler_delete')",
      );
      return rows.reduce((sum, { Value }) => sum + Number(Value), 0);
    };
    const [before, again] = [await read(), await read()];
    await run();
    // Reading the counters may count too.
    return (await read()) - again - (again - before);
  }

  const column = (setting: Setting): string => `${setting}, ${setting === "alone" ? name : engineName}`;
  const singles = ["bound write", "`once`"].flatMap((line) =>
    (["alone", "inside `within`"] as const).flatMap((setting) =>
      [false, true].map((replays) => ({ line, setting, replays })),
    ),
  );

  it.skipIf(missing).each(singles)(
    "$line, $setting, a replay: $replays",
    async ({ line, setting, replays }) => {
      const name = line === "`once`" && !replays ? "`once`, beside the work's own" : line;
      const listed = promised(
        replays ? `replay of ${line === "bound write" ? "a " : ""}${line}` : name,
        column(setting),
      );
      expect(await trips(line, setting, replays)).toBe(listed);
    },
  );

  it.skipIf(missing)("a batch takes as many for any number of operations", async () => {
    const line = "batch, however many";
    expect(await trips(line, "alone", false)).toBe(promised(line, column("alone")));
  });

  it.skipIf(missing)("a bound write writes its own row and the ledger's, and a replay none", async () => {
    const increment = CALLS["bound write"];
    if (increment === undefined) throw new Error("nothing is known of it");
    await increment(ledger, "rows");
    expect(await written(() => increment(ledger, "rows-2"))).toBe(2);
    expect(await written(() => increment(createLedger(pool), "rows"))).toBe(0);
  });
});
