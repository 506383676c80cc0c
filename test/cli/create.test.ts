import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { generatedLedger } from "../../src/migrations/generate.js";
import type { Engine } from "../../src/migrations/index.js";
import { availableEngines, openDatabase, type TestDatabase } from "./database.js";
import { dump } from "./dump.js";
import { applyByClient, dataSource, newProject, type Project, typeorm } from "./project.js";
import { answer, opledger, run } from "./run.js";
import { plantSecondVersion } from "./second-version.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

async function fresh(engine: Engine): Promise<TestDatabase> {
  const database = await openDatabase(engine);
  cleanups.push(() => database.drop());
  return database;
}

function project(files: Readonly<Record<string, string>> = {}): Project {
  const made = newProject({ "package.json": '{ "type": "module" }', ...files });
  cleanups.push(() => made.remove());
  return made;
}

function create(made: Project, args: readonly string[], program?: string): Promise<{ written: string[] }> {
  const options = { cwd: made.folder, ...(program === undefined ? {} : { program }) };
  return answer(["migration", "create", ...args], options) as Promise<{ written: string[] }>;
}

describe.each(availableEngines())("opledger migration create for %s", (engine) => {
  const golden = `golden/${engine}.sql`;

  it("writes SQL that the engine's own client runs: up, down, up", async () => {
    const made = project();
    const database = await fresh(engine);
    const empty = await dump(database);
    const { written } = await create(made, ["--for", "sql", "--engine", engine]);
    const [down = "", up = ""] = [...written].sort();
    expect([up, down]).toEqual([
      expect.stringMatching(/v1\.up\.sql$/),
      expect.stringMatching(/v1\.down\.sql$/),
    ]);
    for (const [file, expected] of [
      [up, golden],
      [down, empty],
      [up, golden],
    ] as const) {
      expect(await applyByClient(database, made.read(file))).toMatchObject({ exitCode: 0 });
      if (expected === empty) expect(await dump(database)).toBe(empty);
      else await expect(await dump(database)).toMatchFileSnapshot(golden);
    }
  });

  it("writes a folder of Prisma's, whose files run in the order of their names", async () => {
    const made = project();
    const database = await fresh(engine);
    const { written } = await create(made, ["--for", "prisma", "--engine", engine]);
    expect(written).toEqual([
      expect.stringMatching(/^prisma\/migrations\/\d{14}_opledger_operations_v1\/migration\.sql$/),
    ]);
    for (const file of [...written].sort()) await database.script(made.read(file));
    await expect(await dump(database)).toMatchFileSnapshot(golden);
  });

  it("writes a class that TypeORM's own command line runs, reverts and runs again", async () => {
    const database = await fresh(engine);
    const made = project({ "data-source.js": dataSource(database) });
    const empty = await dump(database);
    await create(made, ["--for", "typeorm", "--engine", engine]);
    for (const step of ["run", "revert", "run"]) {
      const ran = await typeorm(made, [`migration:${step}`]);
      expect(ran, ran.stdout + ran.stderr).toMatchObject({ exitCode: 0 });
      const left = await dump(database, "migrations");
      if (step === "revert") expect(left).toBe(empty);
      else await expect(left).toMatchFileSnapshot(golden);
    }
  }, 120_000);

  it("writes only the steps that are missing, and nothing where none is", async () => {
    const planted = plantVersion2(engine);
    const made = project();
    for (const tool of ["sql", "prisma", "typeorm"]) {
      const args = ["--for", tool, "--engine", engine];
      await create(made, args);
      expect((await create(made, args)).written).toEqual([]);
      const { written } = await create(made, args, planted);
      expect(written.length).toBe(tool === "sql" ? 2 : 1);
      for (const file of written) {
        expect(file).toMatch(/v2/i);
        expect(made.read(file)).toContain("priority");
        expect(made.read(file)).not.toContain("CREATE TABLE");
      }
      expect((await create(made, args, planted)).written).toEqual([]);
      const whole = project();
      const all = await create(whole, args, planted);
      expect(all.written.map((file) => /v(\d)/i.exec(file)?.[1])).toEqual(
        tool === "sql" ? ["1", "1", "2", "2"] : ["1", "2"],
      );
      expect(
        [...all.written]
          .sort()
          .map((file) => /v(\d)/i.exec(file)?.[1])
          .join(""),
      ).toMatch(/^1+2+$/);
    }
  });

  it("migrates an older ledger by the missing steps, and leaves a newer one alone", async () => {
    const planted = plantVersion2(engine);
    const database = await fresh(engine);
    const args = ["migrate", "--url", database.url];
    await answer(args);
    expect(await answer(args, { program: planted })).toMatchObject({ from: 1, to: 2, applied: [2] });
    expect(await answer(args, { program: planted })).toMatchObject({ from: 2, to: 2, applied: [] });
    expect(await dump(database)).toContain("priority");
    const older = await opledger([...args, "--json"]);
    expect(older.exitCode).toBe(4);
    expect(older.stdout).toMatch(/is at version 2, and this opledger knows versions up to 1/);
  });
});

/** The built program with a second version of the ledger in it. */
function plantVersion2(engine: Engine): string {
  return plantSecondVersion(engine, project().folder).program;
}

const TRICKY = ["a`$", "{b}\\c"].join("");

describe("opledger migration create", () => {
  it("writes TypeScript that compiles, ES modules and CommonJS, as the project or the options say", async () => {
    const made = project({ "tsconfig.json": "{}" });
    const args = ["--for", "typeorm", "--engine", "postgres"];
    const { written } = await create(made, [...args, "--out", "ts"]);
    expect(written).toEqual([expect.stringMatching(/^ts\/\d{13}-OpledgerOperationsV1\.ts$/)]);
    const compiled = await run(
      join(ROOT, "node_modules/.bin/tsc"),
      [
        "--strict",
        "--noEmit",
        "--module",
        "nodenext",
        "--skipLibCheck",
        "--types",
        "node",
        "--ignoreConfig",
        ...written,
      ],
      { cwd: made.folder },
    );
    expect(compiled).toMatchObject({ exitCode: 0, stdout: "" });
    const [esm = ""] = (await create(made, [...args, "--out", "esm", "--js"])).written;
    expect(made.read(esm)).toMatch(/^export class OpledgerOperationsV1_\d{13} \{/m);
    const [cjs = ""] = (await create(made, [...args, "--out", "cjs", "--cjs"])).written;
    expect(made.read(cjs)).toMatch(/^module\.exports = class OpledgerOperationsV1_\d{13} \{/m);
  }, 120_000);

  it("writes CommonJS that TypeORM's own command line runs", async () => {
    const database = await fresh("sqlite");
    const source = dataSource(database)
      .replace('import { DataSource } from "typeorm";', 'const { DataSource } = require("typeorm");')
      .replace("export default", "module.exports =");
    const made = newProject({ "package.json": "{}", "data-source.js": source });
    cleanups.push(() => made.remove());
    await create(made, ["--for", "typeorm", "--engine", "sqlite"]);
    const ran = await typeorm(made, ["migration:run"]);
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ exitCode: 0 });
    await expect(await dump(database, "migrations")).toMatchFileSnapshot("golden/sqlite.sql");
  }, 60_000);

  it("escapes what a template literal would read", async () => {
    const made = project();
    const args = ["--for", "typeorm", "--engine", "postgres", "--table", TRICKY];
    const [file = ""] = (await create(made, args)).written;
    const { default: _, ...classes } = await import(join(made.folder, file));
    const [Migration] = Object.values(classes) as (new () => { up(runner: unknown): Promise<void> })[];
    const asked: string[] = [];
    if (Migration === undefined) throw new Error("the file exports no class");
    await new Migration().up({ query: async (sql: string) => asked.push(sql) });
    expect(asked[0]).toContain(`CREATE TABLE "public"."${TRICKY}"`);
  });

  it("tells ledgers of other names apart", async () => {
    const made = project();
    const args = ["--for", "sql", "--engine", "postgres"];
    await create(made, args);
    expect((await create(made, [...args, "--schema", "public"])).written).toEqual([]);
    expect((await create(made, [...args, "--table", "other"])).written.length).toBe(2);
    const texts = made.files().map((file) => made.read(file));
    expect(generatedLedger(texts, { engine: "postgres", table: "other" })).toMatchObject({
      version: 1,
      partitions: false,
    });
    expect(generatedLedger(texts, { engine: "mysql" })).toBeUndefined();
  });

  it("writes nothing on a dry run, and says what it would", async () => {
    const made = project();
    const before = made.files();
    const ran = await opledger(
      ["migration", "create", "--for", "prisma", "--engine", "sqlite", "--dry-run"],
      { cwd: made.folder },
    );
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ran.stdout).toMatch(
      /^would write prisma\/migrations\/\d{14}_opledger_operations_v1\/migration\.sql\n[\s\S]*CREATE TABLE/,
    );
    expect(made.files()).toEqual(before);
  });

  it.each([
    [["--for", "sql", "--engine", "postgres", "--unlogged"], /unlogged ledger is refused: after a crash/],
    [["--for", "sql", "--engine", "mysql", "--partitions"], /partitions are for PostgreSQL/],
    [["--for", "knex", "--engine", "mysql"], /'knex' is invalid.*prisma, typeorm, sql/],
    [["--for", "sql"], /required option '--engine <engine>' not specified/],
    [["--for", "typeorm", "--engine", "mysql", "--esm", "--cjs"], /exclude each other/],
    [["--for", "sql", "--engine", "postgres", "--table", "t".repeat(60)], /identifier longer than 63 bytes/],
  ])("refuses %j", async (args, message) => {
    const made = project();
    const before = made.files();
    const ran = await opledger(["migration", "create", ...args], { cwd: made.folder });
    expect([ran.exitCode, ran.stdout]).toEqual([2, ""]);
    expect(ran.stderr).toMatch(message);
    expect(made.files()).toEqual(before);
  });
});
