import { afterEach, describe, expect, it } from "vitest";
import { newKey } from "../../src/core/operation.js";
import type { Engine } from "../../src/migrations/index.js";
import { complete, expired } from "./complete.js";
import { availableEngines, openDatabase, type TestDatabase } from "./database.js";
import { newProject } from "./project.js";
import { answer, opledger } from "./run.js";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

async function migrated(engine: Engine): Promise<TestDatabase> {
  const database = await openDatabase(engine);
  cleanups.push(() => database.drop());
  await answer(["migrate", "--url", database.url]);
  return database;
}

describe.each(availableEngines())("the ledger on %s, from the command line", (engine) => {
  it("show finds an operation, keeps its value back unless asked, and says where there is none", async () => {
    const database = await migrated(engine);
    const url = ["--url", database.url];
    await complete(
      database,
      { scope: "acme", operation: "charge", key: "k-1" },
      { secret: "s3cret", cents: 5n },
    );
    const args = ["show", "acme", "charge", "k-1", ...url];
    const shown = await answer(args);
    expect(shown).toMatchObject({
      found: true,
      status: "completed",
      scope: "acme",
      operation: "charge",
      key: "k-1",
      expired: false,
    });
    expect(JSON.stringify(shown)).not.toContain("s3cret");
    expect(await answer([...args, "--value"])).toMatchObject({ value: { secret: "s3cret", cents: "5" } });
    const text = await opledger([...args, "--value"]);
    expect(text.stdout).toMatch(/^status {7}completed\nscope {8}acme\n/);
    expect(text.stdout).toContain('"secret": "s3cret"');
    const missing = await opledger(["show", "other", "charge", "k-1", ...url, "--json"]);
    expect([missing.exitCode, JSON.parse(missing.stdout)]).toEqual([1, { found: false }]);
  });

  it("sweep removes what has expired, in batches, up to a limit, and a dry run nothing", async () => {
    const database = await migrated(engine);
    const url = ["--url", database.url];
    for (let n = 0; n < 7; n++) await complete(database, expired("old"), n);
    await complete(database, { operation: "new", key: "kept" }, 1);
    expect(await answer(["sweep", "--dry-run", ...url])).toEqual({ removed: 0, wouldRemove: 7 });
    expect(await answer(["sweep", "--limit", "2", ...url])).toMatchObject({ removed: 2 });
    expect(await answer(["sweep", "--batch", "2", "--rate", "1000", ...url])).toMatchObject({
      removed: 5,
      batches: 3,
    });
    const text = await opledger(["sweep", ...url]);
    expect([text.exitCode, text.stderr]).toEqual([0, ""]);
    expect(text.stdout).toMatch(/^✔ removed 0 expired operations from \S*opledger_operations/);
    expect(await answer(["show", "", "new", "kept", ...url])).toMatchObject({ found: true });
  });

  it("stats counts per operation", async () => {
    const database = await migrated(engine);
    const url = ["--url", database.url];
    expect((await opledger(["stats", ...url])).stdout).toMatch(/is empty/);
    for (let n = 0; n < 3; n++) await complete(database, { operation: "charge", key: newKey() }, "12345");
    await complete(database, expired("refund"), null);
    const stats = await answer(["stats", ...url]);
    expect(stats).toMatchObject({
      inProgress: engine === "sqlite" ? null : 0,
      operations: [
        { operation: "charge", completed: 3, failed: 0, unfinished: 0, expired: 0, resultBytes: 24 },
        { operation: "refund", completed: 1, expired: 1 },
      ],
    });
    const { stdout } = await opledger(["stats", ...url]);
    expect(stdout).toMatch(
      /^operation +executed +failed +unfinished +expired +expiring +oldest +results\ncharge +3 /,
    );
    expect(stdout).toMatch(/: 4 operations/);
  });

  it("forget erases the results of one scope, and only when told to", async () => {
    const database = await migrated(engine);
    const url = ["--url", database.url];
    for (const key of ["1", "2", "3"])
      await complete(database, { scope: "acme", operation: "charge", key }, "secret");
    await complete(database, { scope: "other", operation: "charge", key: "1" }, "kept");
    const unasked = await opledger(["forget", "--scope", "acme", ...url]);
    expect([unasked.exitCode, unasked.stdout]).toEqual([2, ""]);
    expect(unasked.stderr).toMatch(/no terminal to ask on. Nothing was erased[\s\S]*--yes/);
    const see = (scope: string) => answer(["show", scope, "charge", "1", "--value", ...url]);
    expect(await see("acme")).toMatchObject({ erased: false, value: "secret" });
    expect(await answer(["forget", "--scope", "acme", "--yes", "--batch", "2", ...url])).toEqual({
      scope: "acme",
      erased: 3,
    });
    expect(await see("acme")).toMatchObject({ found: true, erased: true, resultBytes: 0, value: null });
    expect(await see("other")).toMatchObject({ erased: false, value: "kept" });
  });

  it("says that there is no ledger, and how to make one", async () => {
    const database = await openDatabase(engine);
    cleanups.push(() => database.drop());
    for (const args of [["sweep"], ["stats"], ["show", "a", "b", "c"], ["forget", "--scope", "a", "--yes"]]) {
      const { exitCode, stdout, stderr } = await opledger([...args, "--url", database.url]);
      expect([args[0], exitCode, stdout]).toEqual([args[0], 4, ""]);
      expect(stderr).toMatch(/ledger's table is missing or outdated/);
      expect(stderr).toMatch(/npx opledger migrate/);
    }
  });
});

describe("an SQLite file", () => {
  it.each([
    [["doctor"]],
    [["stats"]],
    [["show", "a", "b", "c"]],
    [["sweep"]],
    [["sweep", "--dry-run"]],
    [["forget", "--scope", "a"]],
    [["forget", "--scope", "a", "--yes"]],
  ])("that is not there is not made: %j", async (args) => {
    const project = newProject({ "text.db": "this is text" });
    cleanups.push(() => project.remove());
    const { exitCode, stdout, stderr } = await opledger([...args, "--url", "file:never-made.db"], {
      cwd: project.folder,
    });
    expect([exitCode, stdout]).toEqual([3, ""]);
    expect(stderr).toMatch(/There is no database file \S*never-made\.db\. None was made\./);
    const text = await opledger([...args, "--url", "file:text.db"], { cwd: project.folder });
    expect([text.exitCode, text.stderr]).toEqual([3, expect.stringMatching(/not a database/)]);
    expect(project.files()).toEqual(["text.db"]);
    expect(project.read("text.db")).toBe("this is text");
  });
});

describe.runIf(availableEngines().includes("postgres"))("the ledger in partitions", () => {
  it("takes keys that carry their time, and drops days that are over", async () => {
    const database = await openDatabase("postgres");
    cleanups.push(() => database.drop());
    await answer(["migrate", "--partitions", "--url", database.url]);
    const partitions = async () =>
      Number(
        (
          await database.query(
            "SELECT count(*) AS n FROM pg_inherits WHERE inhparent = 'opledger_operations'::regclass",
          )
        )[0]?.n,
      );
    expect(await partitions()).toBe(15);
    const made = await database.query("SELECT opledger_operations_create_partitions(9, 30) AS n");
    expect([Number(made[0]?.n), await partitions()]).toEqual([25, 40]);
    const [now, old] = [newKey(), new Date(Date.now() - 20 * 86_400_000)];
    await complete(database, { operation: "charge", key: now }, "now");
    await complete(
      database,
      { operation: "charge", key: "kept", issuedAt: old },
      "kept, since it has not expired",
    );
    await complete(
      database,
      { operation: "charge", key: "gone", issuedAt: new Date(old.getTime() - 86_400_000), retentionMs: 1 },
      "gone",
    );
    expect(await answer(["show", "", "charge", now, "--url", database.url])).toMatchObject({ found: true });
    await expect(complete(database, { operation: "charge", key: "opaque" }, 1)).rejects.toThrow(
      /carries no time/,
    );
    const dropped = await database.query("SELECT opledger_operations_drop_partitions() AS n");
    expect([Number(dropped[0]?.n), await partitions()]).toEqual([21, 19]);
    const issued = ["--issued-at", old.toISOString(), "--url", database.url];
    expect(await answer(["show", "", "charge", "kept", ...issued])).toMatchObject({ found: true });
    expect(await answer(["stats", "--url", database.url])).toMatchObject({
      operations: [{ operation: "charge", completed: 2 }],
    });
  });
});
