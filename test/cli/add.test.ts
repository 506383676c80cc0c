import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import type { Engine } from "../../src/migrations/index.js";
import { availableEngines, openDatabase, openSession, type TestDatabase } from "./database.js";
import { dump } from "./dump.js";
import { applyByClient, dataSource, newProject, type Project, typeorm } from "./project.js";
import { answer, opledger, type Ran } from "./run.js";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const PATIENCE = { timeout: 20_000 };

const TABLE =
  "CREATE TABLE accounts (id integer PRIMARY KEY, email varchar(100), tenant integer, likes bigint NOT NULL DEFAULT 0)";

async function setup(engine: Engine): Promise<{ database: TestDatabase; made: Project }> {
  const database = await openDatabase(engine);
  cleanups.push(() => database.drop());
  await database.query(TABLE);
  const made = newProject({ "package.json": '{ "type": "module" }', "data-source.js": dataSource(database) });
  cleanups.push(() => made.remove());
  return { database, made };
}

async function add(made: Project, engine: Engine, args: readonly string[], tool = "sql"): Promise<string[]> {
  const command = ["migration", "add", ...args, "--table", "accounts", "--for", tool, "--engine", engine];
  const { written } = (await answer(command, { cwd: made.folder })) as { written: string[] };
  return [...written].sort();
}

/** Runs the files that go up, or those that go down in the other order, until one fails. */
async function apply(
  database: TestDatabase,
  made: Project,
  files: readonly string[],
  way: "up" | "down",
): Promise<Ran> {
  const chosen = files.filter((file) => file.endsWith(`.${way}.sql`));
  let ran: Ran = { exitCode: 0, stdout: "", stderr: "" };
  for (const file of way === "up" ? chosen : chosen.reverse()) {
    ran = await applyByClient(database, made.read(file));
    if (ran.exitCode !== 0) return ran;
  }
  return ran;
}

/** What folds a counter log. */
const FOLD = {
  postgres: "SELECT accounts_likes_log_fold()",
  mysql: "CALL accounts_likes_log_fold()",
  mariadb: "CALL accounts_likes_log_fold()",
  sqlite: "INSERT INTO accounts_likes_log_fold DEFAULT VALUES",
} as const;

/** Who in this database waits for a lock. */
const WAITING = {
  postgres: "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
  mysql: `SELECT 1 FROM information_schema.INNODB_TRX JOIN information_schema.PROCESSLIST ON ID = trx_mysql_thread_id
WHERE trx_state = 'LOCK WAIT' AND DB = DATABASE()`,
} as const;

const entry = (id: number, amount: number): string =>
  `INSERT INTO accounts_likes_log (operation_id, id, amount) VALUES ('${randomUUID()}', ${id}, ${amount})`;

describe.each(availableEngines())("opledger migration add on %s", (engine) => {
  it.each([
    ["version", []],
    ["operation-id", []],
    ["unique", ["--columns", "tenant,email"]],
    ["version-guard", ["--column", "likes"]],
    ["counter-log", ["--column", "likes", "--key-type", "integer"]],
  ])("%s goes up, down and up again, and leaves the table as it was", async (pattern, more) => {
    const { database, made } = await setup(engine);
    const before = await dump(database);
    const files = await add(made, engine, [pattern, ...more]);
    expect(await apply(database, made, files, "up")).toMatchObject({ exitCode: 0 });
    const after = await dump(database);
    expect(after).not.toBe(before);
    expect(await apply(database, made, files, "down")).toMatchObject({ exitCode: 0 });
    expect(await dump(database)).toBe(before);
    expect(await apply(database, made, files, "up")).toMatchObject({ exitCode: 0 });
    expect(await dump(database)).toBe(after);
  });

  it("version starts at 1 for the rows that are there", async () => {
    const { database, made } = await setup(engine);
    await database.query("INSERT INTO accounts (id) VALUES (7)");
    await apply(database, made, await add(made, engine, ["version"]), "up");
    expect(
      (await database.query("SELECT version FROM accounts")).map(({ version }) => Number(version)),
    ).toEqual([1]);
  });

  it("unique finds duplicates first, and changes nothing where there are some", async () => {
    const { database, made } = await setup(engine);
    await database.query(
      "INSERT INTO accounts (id, email) VALUES (1, 'a@b.c'), (2, 'a@b.c'), (3, NULL), (4, NULL)",
    );
    const before = await dump(database);
    const files = await add(made, engine, ["unique", "--columns", "email"]);
    const refused = await apply(database, made, files, "up");
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toMatch(
      engine === "sqlite"
        ? /UNIQUE constraint failed: accounts.email/
        : /rows of accounts share \(email\); merge them/,
    );
    // MySQL and MariaDB keep the procedure that looked, which the next run puts away.
    expect(await dump(database, "accounts_opledger_check")).toBe(before);
    await database.query("DELETE FROM accounts WHERE id = 2");
    expect(await apply(database, made, files, "up")).toMatchObject({ exitCode: 0 });
    await expect(database.query("INSERT INTO accounts (id, email) VALUES (5, 'a@b.c')")).rejects.toThrow(
      /unique|duplicate/i,
    );
  });

  it("version-guard refuses a version that goes back, and in its strict form one that stays", async () => {
    const { database, made } = await setup(engine);
    await apply(database, made, await add(made, engine, ["version"]), "up");
    await database.query("INSERT INTO accounts (id, version) VALUES (1, 5)");
    const loose = await add(made, engine, ["version-guard"]);
    await apply(database, made, loose, "up");
    await database.query("UPDATE accounts SET version = 6, tenant = 1");
    await database.query("UPDATE accounts SET tenant = 2");
    await expect(database.query("UPDATE accounts SET version = 2, tenant = 3")).rejects.toThrow(
      /stale write to accounts/,
    );
    await apply(database, made, loose, "down");
    await apply(database, made, (await add(made, engine, ["version-guard", "--strict"])).slice(-2), "up");
    await expect(database.query("UPDATE accounts SET tenant = 4")).rejects.toThrow(/stale write to accounts/);
    await database.query("UPDATE accounts SET version = version + 1, tenant = 5");
    const [row] = await database.query("SELECT tenant, version FROM accounts");
    expect([Number(row?.tenant), Number(row?.version)]).toEqual([5, 7]);
  });

  it("counter-log folds what is finished, once, and its view is right at any time", async () => {
    const { database, made } = await setup(engine);
    const files = await add(made, engine, ["counter-log", "--column", "likes", "--key-type", "integer"]);
    expect(await apply(database, made, files, "up")).toMatchObject({ exitCode: 0 });
    await database.query("INSERT INTO accounts (id, likes) VALUES (1, 100), (2, 0)");
    const log = (id: number, amount: number) => database.query(entry(id, amount));
    const likes = async (from: string) =>
      (await database.query(`SELECT likes FROM ${from} ORDER BY id`)).map((row) => Number(row.likes));
    // Folds at the same time take turns; on PostgreSQL whatever runs on the server holds one back, and a later one goes on.
    const folded = async () => {
      await Promise.all([1, 2].map(() => database.query(FOLD[engine])));
      return likes("accounts");
    };
    for (let n = 0; n < 10; n++) await log(1 + (n % 2), 1);
    expect(await likes("accounts")).toEqual([100, 0]);
    expect(await likes("accounts_likes_total")).toEqual([105, 5]);
    await expect.poll(folded, PATIENCE).toEqual([105, 5]);
    expect(await folded()).toEqual([105, 5]);
    expect(await likes("accounts_likes_total")).toEqual([105, 5]);
    await log(9, 1);
    await log(1, 3);
    const refusal = () => folded().then(String, (error: Error) => error.message);
    await expect.poll(refusal, PATIENCE).toMatch(/have no row/);
    expect(await likes("accounts")).toEqual([105, 5]);
    expect(await likes("accounts_likes_total")).toEqual([108, 5]);
    await database.query("DELETE FROM accounts_likes_log WHERE id = 9");
    await expect.poll(folded, PATIENCE).toEqual([108, 5]);
    expect(await likes("accounts_likes_total")).toEqual([108, 5]);
  });

  it.skipIf(engine === "sqlite")(
    "counter-log leaves what runs for a later fold, and waits for nobody",
    async () => {
      const { database, made } = await setup(engine);
      const files = await add(made, engine, ["counter-log", "--column", "likes", "--key-type", "integer"]);
      await apply(database, made, files, "up");
      await database.query("INSERT INTO accounts (id, likes) VALUES (1, 0)");
      await database.query(entry(1, 1));
      const writer = await openSession(database);
      cleanups.push(() => writer.end());
      await writer.query("BEGIN");
      await writer.query(entry(1, 10));
      await database.query(entry(1, 100));
      // Ends although the writer does not; and others append although a fold has just been here.
      await database.query(FOLD[engine]);
      await database.query(entry(1, 1_000));
      const total = async (from: string) =>
        Number((await database.query(`SELECT likes FROM ${from}`))[0]?.likes);
      expect([1, 101].includes(await total("accounts"))).toBe(true);
      expect(await total("accounts_likes_total")).toBe(1_101);
      await writer.query("COMMIT");
      expect(await total("accounts_likes_total")).toBe(1_111);
      const folded = async () => {
        await database.query(FOLD[engine]);
        return total("accounts");
      };
      await expect.poll(folded, PATIENCE).toBe(1_111);
    },
  );

  it.skipIf(engine === "sqlite")("counter-log keeps nobody from appending while a fold waits", async () => {
    const { database, made } = await setup(engine);
    const files = await add(made, engine, ["counter-log", "--column", "likes", "--key-type", "integer"]);
    await apply(database, made, files, "up");
    await database.query("INSERT INTO accounts (id, likes) VALUES (1, 0)");
    for (let n = 0; n < 5; n++) await database.query(entry(1, 1));
    const writer = await openSession(database);
    cleanups.push(() => writer.end());
    await writer.query("BEGIN");
    await writer.query("SELECT * FROM accounts FOR UPDATE");
    let ended = true;
    let folded = Promise.resolve();
    const fold = async (): Promise<void> => {
      ended = false;
      await database.query(FOLD[engine]);
      ended = true;
    };
    const waiting = async (): Promise<number> => {
      // On PostgreSQL whatever else runs on the server may have left it nothing to do yet.
      if (ended) folded = fold();
      return (await writer.query(WAITING[engine === "postgres" ? "postgres" : "mysql"])).length;
    };
    // InnoDB's list of transactions is as old as the last look that nobody followed for 100 ms.
    await expect.poll(waiting, { ...PATIENCE, interval: 300 }).toBe(1);
    for (let n = 0; n < 20; n++) await database.query(entry(1, 1));
    expect(await waiting()).toBe(1);
    await writer.query("COMMIT");
    await folded;
    const [row] = await database.query("SELECT likes FROM accounts");
    expect(Number(row?.likes)).toBe(5);
  });

  it("all are run by TypeORM's own command line, and undone", async () => {
    const { database, made } = await setup(engine);
    const before = await dump(database);
    const patterns = [
      ["version"],
      ["unique", "--columns", "email"],
      ["operation-id"],
      ["version-guard", "--column", "likes"],
      ["counter-log", "--column", "likes", "--key-type", "integer"],
    ];
    const files: string[] = [];
    for (const pattern of patterns) files.push(...(await add(made, engine, pattern, "typeorm")));
    const ran = await typeorm(made, ["migration:run", "--transaction", "each"]);
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ exitCode: 0 });
    const after = await dump(database, "migrations");
    for (const name of [
      "accounts_email_key",
      "accounts_operation_id_key",
      "accounts_likes_guard",
      "accounts_likes_log",
    ])
      expect(after).toContain(name);
    for (const _ of files)
      expect(await typeorm(made, ["migration:revert", "--transaction", "none"])).toMatchObject({
        exitCode: 0,
      });
    expect(await dump(database, "migrations")).toBe(before);
  }, 120_000);
});

describe("opledger migration add", () => {
  it("prints the change of the Prisma schema or of the entity that goes with it", async () => {
    const made = newProject();
    cleanups.push(() => made.remove());
    const run = (tool: string) =>
      opledger(
        ["migration", "add", "version", "--table", "order_items", "--for", tool, "--engine", "mysql"],
        { cwd: made.folder },
      );
    expect((await run("prisma")).stdout).toMatch(
      /in your Prisma schema:\nmodel OrderItems \{\n {2}version Int @default\(1\)/,
    );
    expect((await run("typeorm")).stdout).toMatch(/in your TypeORM entity:\n@VersionColumn/);
  });

  it.each([
    [
      [
        "counter-log",
        "--table",
        "t",
        "--column",
        "n",
        "--key-type",
        "int); DROP",
        "--for",
        "sql",
        "--engine",
        "postgres",
      ],
      /not a type/,
    ],
    [
      ["unique", "--table", "t", "--columns", "a,,b", "--for", "sql", "--engine", "mysql"],
      /names separated by commas/,
    ],
    [["version", "--for", "sql", "--engine", "mysql"], /required option '--table/],
  ])("refuses %j", async (args, message) => {
    const { exitCode, stdout, stderr } = await opledger(["migration", "add", ...args]);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
  });
});
