import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import Sqlite from "libsql";
import { afterEach, describe, expect, it } from "vitest";
import { missingDriver } from "../drivers.js";
import { answer, opledger } from "./run.js";

const MODULES = fileURLToPath(new URL("../../node_modules/", import.meta.url));
const cleanups: (() => unknown)[] = [];

afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean();
});

/** A project outside of this repository that has one driver, and nothing else. */
function projectWith(driver: string): string {
  const folder = mkdtempSync(join(tmpdir(), "opledger-driver-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "package.json"), "{}");
  if (!driver.startsWith("node:")) {
    const link = join(folder, "node_modules", driver);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(MODULES, driver), link);
  }
  return folder;
}

function nodeLacksOne(): string | undefined {
  try {
    createRequire(import.meta.url).resolve("node:sqlite");
    return undefined;
  } catch {
    return "Node has one from 22 on";
  }
}

const DRIVERS = [
  { driver: "libsql", lacking: undefined },
  { driver: "better-sqlite3", lacking: missingDriver("better-sqlite3") },
  { driver: "node:sqlite", lacking: nodeLacksOne() },
];

it.skip.each(DRIVERS.filter(({ lacking }) => lacking !== undefined))(
  "the command line on SQLite through $driver (skipped: $lacking)",
  () => {},
);

describe.each(DRIVERS.filter(({ lacking }) => lacking === undefined))(
  "the command line on SQLite through $driver",
  ({ driver }) => {
    const url = ["--url", "file:test.db"];

    it("makes a ledger, and runs every command on it", async () => {
      const cwd = projectWith(driver);
      expect(await answer(["migrate", ...url], { cwd })).toMatchObject({ from: 0, to: 1 });
      expect(await answer(["migrate", ...url], { cwd })).toMatchObject({ from: 1, applied: [] });
      expect(await answer(["doctor", ...url], { cwd })).toMatchObject({
        driver,
        findings: [],
        unchecked: [],
      });
      const connection = new Sqlite(join(cwd, "test.db"));
      const values = "randomblob(16), 'acme', 'charge', n, randomblob(32), 1, x'00', 0";
      connection.exec(`WITH numbers(n) AS (VALUES ('old'), ('older'))
INSERT INTO opledger_operations SELECT ${values}, 1 FROM numbers`);
      connection.close();
      expect(await answer(["stats", ...url], { cwd })).toMatchObject({
        operations: [{ operation: "charge", completed: 2, expired: 2 }],
      });
      expect(await answer(["forget", "--scope", "acme", "--yes", ...url], { cwd })).toMatchObject({
        erased: 2,
      });
      expect(await answer(["sweep", "--batch", "1", ...url], { cwd })).toMatchObject({ removed: 2 });
      const shown = await opledger(["show", "acme", "charge", "old", ...url], { cwd });
      expect([shown.exitCode, shown.stderr]).toEqual([1, ""]);
      expect(readdirSync(cwd).filter((name) => name.startsWith("test.db"))).toEqual(["test.db"]);
    });

    it("takes a file that is no database for one that is not reached", async () => {
      const cwd = projectWith(driver);
      writeFileSync(join(cwd, "text.db"), "this is text, and not what a database begins with");
      for (const args of [["doctor"], ["stats"], ["sweep"], ["migrate"], ["forget", "--scope", "a"]]) {
        const { exitCode, stdout, stderr } = await opledger([...args, "--url", "file:text.db"], { cwd });
        expect([args, exitCode, stdout, stderr]).toEqual([
          args,
          3,
          "",
          expect.stringMatching(/not a database/),
        ]);
      }
    });

    it("gives up behind a writer that keeps the file, after what --wait says", async () => {
      const cwd = projectWith(driver);
      const connection = new Sqlite(join(cwd, "test.db"));
      connection.exec("BEGIN IMMEDIATE; CREATE TABLE other (n)");
      const { exitCode, stdout, stderr } = await opledger(["migrate", "--wait", "1", ...url], { cwd });
      connection.exec("ROLLBACK");
      connection.close();
      expect([exitCode, stdout]).toEqual([5, ""]);
      expect(stderr).toMatch(/locked for longer than 1000 ms\. Nothing was changed\. Run it again/);
      expect(await answer(["migrate", ...url], { cwd })).toMatchObject({ from: 0, to: 1 });
    });
  },
);
