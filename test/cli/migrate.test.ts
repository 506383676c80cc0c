import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { withDatabase } from "../../src/cli/database/open.js";
import { applyMigrations } from "../../src/migrations/apply.js";
import { availableEngines, openDatabase, type TestDatabase } from "./database.js";
import { dump } from "./dump.js";
import { plainIo } from "./io.js";
import { newProject } from "./project.js";
import { answer, opledger, run } from "./run.js";
import { plantSecondVersion } from "./second-version.js";

const open: TestDatabase[] = [];

async function fresh(engine: Parameters<typeof openDatabase>[0]): Promise<TestDatabase> {
  const database = await openDatabase(engine);
  open.push(database);
  return database;
}

afterEach(async () => {
  for (const database of open.splice(0)) await database.drop();
});

const KILLED = new URL("programs/killed-migrate.ts", import.meta.url).pathname;

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));

function killedMigrate(
  { engine, url }: TestDatabase,
  nth: number,
  side: "before" | "after",
  dist: string = DIST,
): ReturnType<typeof run> {
  return run(process.execPath, ["--import", "tsx", KILLED, dist, engine, url, String(nth), side]);
}

/** Migrates over one connection of this process, which is quicker than a process for each. */
async function goOn({ engine, url }: TestDatabase): Promise<void> {
  await withDatabase(plainIo(), { url }, ({ query }) =>
    applyMigrations({ run: ({ sql, values }) => query(sql, values) }, { engine, waitMs: 30_000 }),
  );
}

const VERSION_1 = { from: 0, to: 1, applied: [1] };

describe.each(availableEngines())("opledger migrate on %s", (engine) => {
  it("makes the ledger as the golden dump has it, once", async () => {
    const database = await fresh(engine);
    expect(await answer(["migrate", "--url", database.url])).toMatchObject(VERSION_1);
    await expect(await dump(database)).toMatchFileSnapshot(`golden/${engine}.sql`);
    const again = await answer(["migrate"], { env: { DATABASE_URL: database.url } });
    expect(again).toMatchObject({ from: 1, to: 1, applied: [] });
    await expect(await dump(database)).toMatchFileSnapshot(`golden/${engine}.sql`);
  });

  it("is done once by eight processes at the same time", async () => {
    const database = await fresh(engine);
    const answers = await Promise.all(
      Array.from(
        { length: 8 },
        () => answer(["migrate", "--url", database.url]) as Promise<{ applied: number[] }>,
      ),
    );
    expect(answers.map(({ applied }) => applied.length).sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
    await expect(await dump(database)).toMatchFileSnapshot(`golden/${engine}.sql`);
  });

  it("goes on from wherever it was killed", async () => {
    const whole = await fresh(engine);
    const statements = Number((await killedMigrate(whole, 0, "before")).stdout);
    expect(statements).toBeGreaterThan(3);
    let killed = 0;
    for (let nth = 1; nth <= statements; nth++) {
      for (const side of ["before", "after"] as const) {
        const database = await fresh(engine);
        const { exitCode, stdout } = await killedMigrate(database, nth, side);
        if (exitCode === null && stdout === "") killed += 1;
        await goOn(database);
        await expect(await dump(database)).toMatchFileSnapshot(`golden/${engine}.sql`);
        await database.drop();
        open.splice(open.indexOf(database), 1);
      }
    }
    expect(killed).toBe(statements * 2);
  }, 300_000);

  it("goes on with an upgrade from wherever it was killed", async () => {
    const { folder, remove } = newProject();
    try {
      const { dist, program } = plantSecondVersion(engine, folder);
      const whole = await fresh(engine);
      await goOn(whole);
      const { stdout } = await killedMigrate(whole, 0, "before", dist);
      const statements = Number(stdout);
      expect(statements).toBeGreaterThan(3);
      const upgraded = await dump(whole);
      expect(upgraded).toContain("priority_idx");
      let killed = 0;
      for (let nth = 1; nth <= statements; nth++) {
        const database = await fresh(engine);
        await goOn(database);
        const { exitCode } = await killedMigrate(database, nth, "after", dist);
        if (exitCode === null) killed += 1;
        const { to } = (await answer(["migrate", "--url", database.url], { program })) as { to: number };
        expect([to, await dump(database)]).toEqual([2, upgraded]);
        await database.drop();
        open.splice(open.indexOf(database), 1);
      }
      expect(killed).toBe(statements);
    } finally {
      remove();
    }
  }, 300_000);

  it("refuses a table that is no ledger, and leaves it alone", async () => {
    const database = await fresh(engine);
    await database.query("CREATE TABLE opledger_operations (id integer)");
    const before = await dump(database);
    const { exitCode, stderr } = await opledger(["migrate", "--url", database.url]);
    expect([exitCode, stderr]).toEqual([
      4,
      expect.stringMatching(/is no ledger of opledger's\. Nothing was changed/),
    ]);
    expect(await dump(database)).toBe(before);
  });

  it("takes another table's name", async () => {
    const database = await fresh(engine);
    const names = ["--table", "order's `ledger`"];
    expect(await answer(["migrate", "--url", database.url, ...names])).toMatchObject(VERSION_1);
    expect(await answer(["migrate", "--url", database.url, ...names])).toMatchObject({ applied: [] });
    expect(await answer(["migrate", "--url", database.url])).toMatchObject(VERSION_1);
  });
});

describe("opledger migrate", () => {
  it("says that there is no server, and nothing of the password", async () => {
    const url = "postgres://someone:hunter2@127.0.0.1:1/shop";
    const ran = await opledger(["migrate", "--url", url, "--json"]);
    expect(ran.exitCode).toBe(3);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      error: { exitCode: 3, message: expect.stringContaining("postgres://127.0.0.1:1/shop") },
    });
    expect(ran.stdout + ran.stderr).not.toContain("hunter2");
  });

  it.each([
    [["migrate"], 3, /No database was named/],
    [["migrate", "--url", "oracle://user:hunter2@host"], 2, /of no kind that opledger knows/],
    [["migrate", "--wait", "soon"], 2, /whole number from 1 to 3600/],
    [["migrate", "--url", "file:never-made.db", "--partitions"], 2, /partitions are for PostgreSQL/],
    [
      ["migrate", "--url", "file:never-made.db", "--schema", "other"],
      2,
      /has no schema other: its own is main/,
    ],
    [["migrate", "--url", "file:never-made.db", "--table", ""], 2, /identifier/],
    [["migrate", "--url", "file:never-made.db", "--wait", "0"], 2, /whole number from 1 to 3600/],
    [["migrate", "--url", "file:no-folder/never-made.db"], 3, /No connection to file:no-folder/],
  ] as const)("%j ends with %i, and touches nothing", async (args, code, message) => {
    const project = newProject();
    try {
      const { exitCode, stdout, stderr } = await opledger(args, { cwd: project.folder });
      expect([exitCode, stdout]).toEqual([code, ""]);
      expect(stderr).toMatch(message);
      expect(stderr).not.toContain("hunter2");
      expect(project.files()).toEqual([]);
    } finally {
      project.remove();
    }
  });
});
