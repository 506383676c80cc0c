import { afterEach, describe, expect, it } from "vitest";
import type { Engine } from "../../src/migrations/index.js";
import { availableEngines, openDatabase, openSession, type Session, type TestDatabase } from "./database.js";
import { dump } from "./dump.js";
import { applyByClient, newProject } from "./project.js";
import { answer, type Ran } from "./run.js";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

/** The statements that build the index while others write, as files of the engine's own client. */
async function build(engine: Engine): Promise<{ readonly check: string; readonly index: string }> {
  const made = newProject();
  cleanups.push(() => made.remove());
  const command = ["migration", "add", "unique", "--table", "accounts", "--columns", "email"];
  const { written } = (await answer([...command, "--for", "sql", "--engine", engine], {
    cwd: made.folder,
  })) as { written: string[] };
  const [check = "", index = ""] = written.filter((file) => file.endsWith(".up.sql")).sort();
  return { check: made.read(check), index: made.read(index) };
}

async function table(engine: Engine): Promise<TestDatabase> {
  const database = await openDatabase(engine);
  cleanups.push(() => database.drop());
  await database.query("CREATE TABLE accounts (id integer PRIMARY KEY, email varchar(100))");
  return database;
}

async function session(database: TestDatabase): Promise<Session> {
  const opened = await openSession(database);
  cleanups.push(() => opened.end());
  return opened;
}

describe.runIf(availableEngines().includes("postgres"))("a unique index on PostgreSQL", () => {
  it("is built while others write to the table", async () => {
    const database = await table("postgres");
    const { index } = await build("postgres");
    const writer = await session(database);
    await writer.query("BEGIN; INSERT INTO accounts (id, email) VALUES (1, 'first@b.c')");
    const applied = applyByClient(database, index);
    const waiting =
      "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CREATE UNIQUE INDEX%'";
    await expect.poll(() => database.query(waiting), { timeout: 30_000 }).toHaveLength(1);
    // A plain CREATE INDEX would keep this one waiting behind itself, and so for ever.
    await database.query("INSERT INTO accounts (id, email) VALUES (2, 'second@b.c')");
    await writer.query("COMMIT");
    expect(await applied).toMatchObject({ exitCode: 0 });
    expect(await dump(database)).toContain("accounts_email_key");
  });
});

const SERVERS = availableEngines().filter((engine) => engine === "mysql" || engine === "mariadb");
/** The first table is too small on most machines for its index to be caught while it is built; each next one is twice as large. */
const ROWS = 50_000;
const DOUBLINGS_MAX = 4;

describe.each(SERVERS)("a unique index on %s", (engine) => {
  /** What the ALTER is doing; undefined where there is none. */
  async function altering(watcher: Session): Promise<string | undefined> {
    const rows = await watcher.query(
      "SELECT STATE AS state FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND INFO LIKE 'ALTER TABLE%'",
    );
    return rows.length === 0 ? undefined : String(rows[0]?.state).toLowerCase();
  }

  /** Adds a row while the index is being built, in a transaction that stays open; false where the build was over too soon. */
  async function writeDuring(applied: Promise<Ran>, writer: Session, watcher: Session): Promise<boolean> {
    let over = false;
    void applied.then(() => {
      over = true;
    });
    while (!over && (await altering(watcher)) !== "altering table") await new Promise(setImmediate);
    if (over) return false;
    await writer.query("BEGIN");
    await writer.query("INSERT INTO accounts (id, email) VALUES (0, 'meanwhile@b.c')");
    // Where it had locked the others out, the row would have come after its end.
    return (await altering(watcher)) !== undefined;
  }

  it("is built while others write to the table", { timeout: 120_000 }, async () => {
    const database = await table(engine);
    const { index } = await build(engine);
    const [writer, watcher] = [await session(database), await session(database)];
    await database.query(`INSERT INTO accounts ${numbered(ROWS)}`);
    for (let doubling = 0; doubling < DOUBLINGS_MAX; doubling++) {
      const applied = applyByClient(database, index);
      if (await writeDuring(applied, writer, watcher)) {
        // It has the index, and waits for this transaction alone before it puts it in its place.
        await expect
          .poll(() => altering(watcher), { timeout: 60_000 })
          .toMatch(/waiting for table metadata lock/);
        await writer.query("UPDATE accounts SET email = 'again@b.c' WHERE id = 0");
        await writer.query("COMMIT");
        expect(await applied).toMatchObject({ exitCode: 0, stderr: "" });
        expect(await dump(database)).toContain("accounts_email_key");
        return;
      }
      await writer.query("ROLLBACK");
      expect(await applied).toMatchObject({ exitCode: 0 });
      await database.query("ALTER TABLE accounts DROP INDEX accounts_email_key");
      const rows = ROWS * 2 ** doubling;
      await database.query(`INSERT INTO accounts SELECT id + ${rows}, CONCAT(email, 'x') FROM accounts`);
    }
    expect.fail("nobody could write while the index was built");
  });

  it("gives up behind a long transaction, and stops nobody for long", { timeout: 60_000 }, async () => {
    const database = await table(engine);
    const { index } = await build(engine);
    const reader = await session(database);
    await reader.query("BEGIN");
    await reader.query("SELECT * FROM accounts");
    const refused = applyByClient(database, index);
    await database.query("INSERT INTO accounts (id) VALUES (1)");
    expect(await refused).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/Lock wait timeout/) });
    await reader.query("COMMIT");
    expect(await applyByClient(database, index)).toMatchObject({ exitCode: 0 });
  });
});

describe.each(availableEngines().filter((engine) => engine !== "sqlite"))(
  "a version column on %s",
  (engine) => {
    async function column(): Promise<string> {
      const made = newProject();
      cleanups.push(() => made.remove());
      const args = ["migration", "add", "version", "--table", "accounts", "--for", "sql", "--engine", engine];
      const { written } = (await answer(args, { cwd: made.folder })) as { written: string[] };
      return made.read(written.find((file) => file.endsWith(".up.sql")) ?? "");
    }

    it("gives up behind a long transaction, and stops nobody for long", { timeout: 60_000 }, async () => {
      const database = await table(engine);
      const up = await column();
      const reader = await session(database);
      await reader.query("BEGIN");
      await reader.query("SELECT * FROM accounts");
      const refused = applyByClient(database, up);
      // Queues up behind the change, and so would wait for the reader where the change did.
      await database.query("INSERT INTO accounts (id) VALUES (1)");
      const { exitCode, stderr } = await refused;
      expect(exitCode).not.toBe(0);
      expect(stderr).toMatch(/lock.*timeout/i);
      await reader.query("COMMIT");
      expect(await applyByClient(database, up)).toMatchObject({ exitCode: 0 });
    });

    it.runIf(engine === "postgres")("is added without the table being written anew", async () => {
      const database = await table(engine);
      const file = async () =>
        (await database.query("SELECT pg_relation_filenode('accounts')::text AS node"))[0]?.node;
      const before = await file();
      expect(await applyByClient(database, await column())).toMatchObject({ exitCode: 0 });
      // On MySQL and MariaDB the server refuses what is not INSTANT.
      expect(await file()).toBe(before);
    });
  },
);

const LIMIT = {
  postgres: ["SET lock_timeout = '77s'", "SHOW lock_timeout", "77s"],
  mysql: ["SET SESSION lock_wait_timeout = 77", "SELECT @@SESSION.lock_wait_timeout", 77],
  mariadb: ["SET SESSION lock_wait_timeout = 77", "SELECT @@SESSION.lock_wait_timeout", 77],
} as const;

interface Runner {
  query(sql: string): Promise<unknown>;
}

describe.each(availableEngines().filter((engine) => engine !== "sqlite"))(
  "a TypeORM migration on %s",
  (engine) => {
    it.skipIf(engine === "postgres")(
      "leaves the session's limits as they were where it succeeds",
      async () => {
        const { limit, up } = await opened();
        await up();
        expect(await limit()).toBe(LIMIT[engine][2]);
      },
    );

    it("leaves the session's limits as they were where it fails, since the connection goes back into its pool", async () => {
      const { limit, up, connection } = await opened();
      await connection.query(engine === "postgres" ? "BEGIN" : "START TRANSACTION");
      await up();
      await connection.query("ROLLBACK");
      await connection.query(engine === "postgres" ? "BEGIN" : "START TRANSACTION");
      // The column is there: as TypeORM does, the transaction is rolled back.
      if (engine === "postgres") await connection.query("ALTER TABLE accounts ADD COLUMN version integer");
      await expect(up()).rejects.toThrow(/version/);
      await connection.query("ROLLBACK");
      expect(await limit()).toBe(LIMIT[engine][2]);
    });

    async function opened() {
      const database = await table(engine);
      const made = newProject({ "package.json": '{ "type": "module" }' });
      cleanups.push(() => made.remove());
      const args = [
        "migration",
        "add",
        "version",
        "--table",
        "accounts",
        "--for",
        "typeorm",
        "--engine",
        engine,
      ];
      const { written } = (await answer(args, { cwd: made.folder })) as { written: string[] };
      const classes = (await import(`${made.folder}/${written[0]}`)) as Record<
        string,
        new () => { up(runner: Runner): Promise<void> }
      >;
      const [Migration] = Object.values(classes);
      if (Migration === undefined) throw new Error("the file exports no class");
      const connection = await session(database);
      const [set, ask] = LIMIT[engine];
      await connection.query(set);
      const limit = async () => Object.values((await connection.query(ask))[0] ?? {})[0];
      return { limit, connection, up: () => new Migration().up(connection) };
    }
  },
);

/** So many rows with an email each, in no order. */
function numbered(rows: number): string {
  const digit =
    "(SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
  const places = ["a", "b", "c", "d", "e"];
  const number = places.map((place, power) => `${place}.d * ${10 ** power}`).join(" + ");
  return `SELECT n, CONCAT(SHA2(n, 256), '@b.c') FROM (SELECT ${number} + 1 AS n FROM ${places.map((place) => `${digit} AS ${place}`).join(" CROSS JOIN ")}) AS numbers WHERE n <= ${rows}`;
}
