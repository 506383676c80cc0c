import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { availableEngines, openDatabase, type TestDatabase } from "./database.js";
import { dump } from "./dump.js";
import { applyByClient, dataSource, newProject, typeorm } from "./project.js";
import { answer, opledger } from "./run.js";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function fresh(engine: TestDatabase["engine"]): Promise<TestDatabase> {
  const database = await openDatabase(engine);
  cleanups.push(() => database.drop());
  return database;
}

describe.each(availableEngines().filter((engine) => engine !== "sqlite"))(
  "a ledger in another schema on %s",
  (engine) => {
    it("is made, seen and looked after under its name", async () => {
      const database = await fresh(engine);
      const schema = `ops_${randomBytes(6).toString("hex")}`;
      await database.query(`CREATE SCHEMA ${schema}`);
      cleanups.push(() => database.query(`DROP SCHEMA ${schema}${engine === "postgres" ? " CASCADE" : ""}`));
      const place = ["--url", database.url, "--schema", schema, "--table", "Ledger"];
      const ledger = `${schema}.Ledger`;
      expect(await answer(["migrate", ...place])).toMatchObject({ ledger, from: 0, to: 1 });
      expect(await answer(["migrate", ...place])).toMatchObject({ ledger, applied: [] });
      expect(await answer(["stats", ...place])).toMatchObject({ ledger, operations: [] });
      expect(await answer(["sweep", ...place])).toMatchObject({ removed: 0 });
      expect((await opledger(["doctor", ...place])).stdout).toMatch(
        /found nothing: ledger-missing, ledger-outdated, ledger-altered/,
      );
      const elsewhere = await opledger(["stats", "--url", database.url]);
      expect([elsewhere.exitCode, elsewhere.stdout]).toEqual([4, ""]);
    });

    it("is refused where there is no such schema, and nothing is made", async () => {
      const database = await fresh(engine);
      const before = await dump(database);
      const { exitCode, stdout, stderr } = await opledger([
        "migrate",
        "--url",
        database.url,
        "--schema",
        "nowhere",
      ]);
      expect([exitCode, stdout]).toEqual([5, ""]);
      expect(stderr).toMatch(
        /^error Nothing was changed: .*nowhere.*\n {2}try make it first \(CREATE SCHEMA\)/,
      );
      expect(await dump(database)).toBe(before);
    });
  },
);

describe.runIf(availableEngines().includes("postgres"))("a ledger in partitions, by each tool", () => {
  it.each(["sql", "prisma", "typeorm"])(
    "%s makes what migrate makes",
    async (tool) => {
      const [wanted, database] = [await fresh("postgres"), await fresh("postgres")];
      await answer(["migrate", "--partitions", "--url", wanted.url]);
      const made = newProject({
        "package.json": '{ "type": "module" }',
        "data-source.js": dataSource(database),
      });
      cleanups.push(() => made.remove());
      const create = ["migration", "create", "--for", tool, "--engine", "postgres", "--partitions"];
      const { written } = (await answer(create, { cwd: made.folder })) as { written: string[] };
      const [down = "", up = ""] = [...written].sort();
      if (tool === "typeorm") expect(await typeorm(made, ["migration:run"])).toMatchObject({ exitCode: 0 });
      else if (tool === "prisma") await database.script(made.read(down));
      else expect(await applyByClient(database, made.read(up))).toMatchObject({ exitCode: 0 });
      expect(await dump(database, "migrations")).toBe(await dump(wanted));
      // Without the option, too: the folder says that this ledger is in partitions.
      expect(await answer(create.slice(0, -1), { cwd: made.folder })).toMatchObject({ written: [] });
      if (tool !== "sql") return;
      expect(await applyByClient(database, made.read(down))).toMatchObject({ exitCode: 0 });
      expect(await dump(database)).toBe(await dump(await fresh("postgres")));
    },
    60_000,
  );
});
