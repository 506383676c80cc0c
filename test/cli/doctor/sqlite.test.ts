import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ledgerMigrations } from "../../../src/migrations/index.js";
import { openDatabase, type TestDatabase } from "../database.js";
import { checksFor, Met, signs } from "./diagnose.js";

let database: TestDatabase;
const met = new Met();

beforeAll(async () => {
  database = await openDatabase("sqlite");
});
afterAll(() => database?.drop());

let tables = 0;
async function ledger(): Promise<string> {
  tables += 1;
  const table = `ledger_${tables}`;
  for (const { up } of ledgerMigrations("sqlite", { table })) await database.script(up);
  return table;
}

const look = async (table: string): Promise<readonly string[]> =>
  met.see(await signs(database.url, { table }));

describe("doctor on SQLite", () => {
  it("finds nothing in a database as it should be", async () => {
    expect(await look(await ledger())).toEqual([]);
  });

  it("finds that there is no ledger", async () => {
    expect(await look("elsewhere")).toEqual(["ledger-missing: there is no table elsewhere"]);
  });

  it("finds another version", async () => {
    const table = await ledger();
    await database.script(`DROP VIEW ${table}_version; CREATE VIEW ${table}_version AS SELECT 0 AS version`);
    expect(await look(table)).toEqual(["ledger-outdated: the ledger has version 0, and the newest is 1"]);
    await database.script(`DROP VIEW ${table}_version`);
    expect(await look(table)).toEqual(["ledger-outdated: the ledger has no mark of its version"]);
  });

  it.each([
    ["DROP INDEX $t_expires_at_idx", "lacks index (expires_at)"],
    ["CREATE UNIQUE INDEX $t_key ON $t (key)", "has unique (key)"],
    ["ALTER TABLE $t DROP COLUMN fingerprint", "lacks column fingerprint BLOB not null"],
  ])("finds what was altered: %s", async (statement, seen) => {
    const table = await ledger();
    await database.script(statement.replaceAll("$t", table));
    expect(await look(table)).toEqual([`ledger-altered: the ledger ${seen}`]);
  });

  it("finds a table that is not strict", async () => {
    const table = await ledger();
    const [made] = await database.query("SELECT sql FROM sqlite_master WHERE name = ?", [table]);
    const loose = String(made?.sql).replace("STRICT, ", "");
    await database.script(`DROP TABLE ${table}; ${loose}; CREATE INDEX ${table}_i ON ${table} (expires_at)`);
    expect(await look(table)).toEqual([expect.stringContaining("lacks table strict without rowid")]);
  });

  it("finds operations that nobody sweeps", async () => {
    const table = await ledger();
    const fill = (rows: number): Promise<void> =>
      database.script(`WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
INSERT INTO ${table} SELECT randomblob(16), '', 'o', 'k', x'', 1, NULL, 0, unixepoch('now', '-2 days') * 1000 FROM n`);
    await fill(1_000);
    expect(await look(table)).toEqual([]);
    await fill(1);
    expect(await look(table)).toEqual([
      "sweep-lag: 1,001 operations expired more than a day ago and are still there",
    ]);
  });

  it("has met every check there is", () => {
    expect(checksFor("sqlite").sort()).toEqual(met.ids);
  });
});
