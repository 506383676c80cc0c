import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../../../src/cli/program.js";
import { ledgerMigrations } from "../../../src/migrations/index.js";
import { startPgbouncer } from "../../servers/pgbouncer.js";
import { hasBackup, startStandby } from "../../servers/standby.js";
import type { Server } from "../../servers/types.js";
import { plainIo } from "../io.js";
import { checksFor, type DiagnoseOptions, Met, ownServer, signs } from "./diagnose.js";

/** Few, so that they can all be taken; three are kept for administrators. */
const CONNECTIONS_MAX = 14;

let server: Server;
let admin: pg.Client;
const met = new Met();

beforeAll(async () => {
  const own = await ownServer("postgres", {
    durable: true,
    settings: { max_connections: `${CONNECTIONS_MAX}` },
  });
  if (own === undefined) throw new Error("PostgreSQL is part of every development machine: npm run setup");
  server = own;
  admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query(ledgerMigrations("postgres")[0]?.up ?? "");
});
afterAll(async () => {
  await admin?.end();
  await server?.stop();
});

const look = async (options?: DiagnoseOptions, url = server.url): Promise<readonly string[]> =>
  met.see(await signs(url, options));

/** The server's URL, with settings for the connections that are made by it. */
function withSettings(settings: Readonly<Record<string, string>>): string {
  const url = new URL(server.url);
  const flags = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  url.searchParams.set("options", flags.join(" "));
  return url.href;
}

let tables = 0;
/** A ledger of its own. */
async function ledger(): Promise<string> {
  tables += 1;
  const table = `ledger_${tables}`;
  await admin.query(ledgerMigrations("postgres", { table })[0]?.up ?? "");
  return table;
}

const fill = (table: string, rows: number, expiresAt: string): Promise<unknown> =>
  admin.query(
    `INSERT INTO ${table} (id, scope, operation, key, fingerprint, state, created_at, expires_at)
SELECT gen_random_uuid(), '', 'o', n::text, '', 1, now(), ${expiresAt} FROM generate_series(1, ${rows}) AS n`,
  );

describe("doctor on PostgreSQL", () => {
  it("finds nothing on a server as it should be", async () => {
    expect(await look()).toEqual([]);
    expect(await look({ table: await ledger() })).toEqual([]);
  });

  it("finds that there is no ledger", async () => {
    expect(await look({ table: "elsewhere" })).toEqual([
      "ledger-missing: there is no table public.elsewhere",
    ]);
    expect(await look({ schema: "nowhere" })).toEqual([
      "ledger-missing: there is no table nowhere.opledger_operations",
    ]);
  });

  it.each([
    ["DROP TRIGGER $t_finished ON $t", "lacks trigger ledger_finished on insert and update at commit"],
    [
      "ALTER TABLE $t DISABLE TRIGGER ALL",
      "at commit (it is trigger ledger_finished on insert and update at commit disabled)",
    ],
    ["ALTER TABLE $t SET UNLOGGED", "lacks logged (it is unlogged)"],
    [
      "ALTER TABLE $t ALTER scope DROP NOT NULL",
      "lacks column scope text not null (it is column scope text)",
    ],
    [
      "ALTER TABLE $t ALTER fingerprint TYPE text USING fingerprint::text",
      "lacks column fingerprint bytea not null (it is column fingerprint text not null)",
    ],
    ["ALTER TABLE $t DROP COLUMN fingerprint", "lacks column fingerprint bytea not null"],
    ["ALTER TABLE $t DROP CONSTRAINT $t_pkey", "lacks primary key (id)"],
    ["ALTER TABLE $t DROP CONSTRAINT $t_state_check", "lacks check CHECK"],
    ["DROP INDEX $t_expires_at_idx", "lacks index (expires_at)"],
    ["CREATE UNIQUE INDEX ON $t (key)", "has unique (key)"],
    ["ALTER TABLE $t ADD tenant int NOT NULL", "has column tenant integer not null"],
    ["ALTER TABLE $t ENABLE ROW LEVEL SECURITY", "lacks logged"],
  ])("finds what was altered: %s", async (statement, seen) => {
    const table = await ledger();
    await admin.query(statement.replaceAll("$t", table));
    const found = await look({ table });
    expect(found).toEqual([expect.stringContaining(seen)]);
    expect(found[0]).toMatch(/^ledger-altered: the ledger /);
  });

  it("lets columns and indexes of one's own be", async () => {
    const table = await ledger();
    await admin.query(`ALTER TABLE ${table} ADD note text; CREATE INDEX ON ${table} (operation)`);
    expect(await look({ table })).toEqual([]);
  });

  it.each([
    ["NULL", "the ledger has no mark of its version"],
    ["'opledger ledger, version 0'", "the ledger has version 0, and the newest is 1"],
    ["'opledger ledger, version 99'", "the ledger has version 99, and this opledger knows 1"],
  ])("finds another version: %s", async (mark, seen) => {
    const table = await ledger();
    await admin.query(`COMMENT ON TABLE ${table} IS ${mark}`);
    expect(await look({ table })).toEqual([`ledger-outdated: ${seen}`]);
  });

  it("finds that partitions run out", async () => {
    const table = "parted";
    const [first] = ledgerMigrations("postgres", { table, partitions: true });
    for (const each of first?.upStatements ?? []) await admin.query(each);
    expect(await look({ table })).toEqual([]);
    const dropTo = (daysAhead: number): Promise<unknown> =>
      admin.query(`DO $$ DECLARE part regclass; BEGIN
FOR part IN SELECT inhrelid FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = '${table}'::regclass
  AND right(relname, 8)::date > (now() AT TIME ZONE 'UTC')::date + ${daysAhead}
LOOP EXECUTE format('DROP TABLE %s', part); END LOOP; END $$`);
    await dropTo(0);
    expect(await look({ table })).toEqual([
      expect.stringMatching(
        /^partitions-ahead: the last partition ends on \d{4}-\d\d-\d\d, in less than a day$/,
      ),
    ]);
    await dropTo(-1);
    expect(await look({ table })).toEqual([
      expect.stringMatching(/^partitions-ahead: the last partition ended on \d{4}-\d\d-\d\d$/),
    ]);
    await dropTo(-99);
    expect(await look({ table })).toEqual(["partitions-ahead: the ledger has no partitions"]);
  });

  it("finds operations that nobody sweeps", async () => {
    const table = await ledger();
    await fill(table, 1_000, "now() - interval '2 days'");
    await fill(table, 500, "now() - interval '1 hour'");
    expect(await look({ table })).toEqual([]);
    await fill(table, 1, "now() - interval '2 days'");
    expect(await look({ table })).toEqual([
      "sweep-lag: 1,001 operations expired more than a day ago and are still there",
    ]);
  });

  it("finds dead rows", async () => {
    const table = await ledger();
    await admin.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
    await fill(table, 10_100, "now() + interval '1 day'");
    await admin.query(`DELETE FROM ${table} WHERE key::int > 50`);
    await admin.query("SELECT pg_stat_force_next_flush()");
    expect(await look({ table })).toEqual(["ledger-bloat: 10,050 dead rows beside 50 live ones"]);
    await admin.query(`VACUUM ${table}`);
    await admin.query("SELECT pg_stat_force_next_flush()");
    expect(await look({ table })).toEqual([]);
  });

  it("finds what the role may not do", async () => {
    await admin.query("CREATE ROLE app LOGIN; GRANT SELECT, INSERT ON opledger_operations TO app");
    const url = new URL(server.url);
    url.username = "app";
    const found = await look({}, url.href);
    expect(found).toEqual(["privileges: app may not UPDATE, DELETE on the ledger"]);
  });

  it.each([
    ["fsync", "fsync-off: fsync is off"],
    ["full_page_writes", "full-page-writes-off: full_page_writes is off"],
    ["synchronous_commit", "synchronous-commit-off: synchronous_commit is off"],
  ])("finds %s off", async (name, seen) => {
    // The server takes it over at leisure.
    const reload = (): Promise<unknown> => admin.query("SELECT pg_reload_conf()");
    await admin.query(`ALTER SYSTEM SET ${name} = off`);
    await reload();
    await expect.poll(() => look(), { timeout: 20_000 }).toEqual([seen]);
    await admin.query(`ALTER SYSTEM RESET ${name}`);
    await reload();
    await expect.poll(() => look(), { timeout: 20_000 }).toEqual([]);
  });

  it("lets synchronous_commit = local be, since it flushes here", async () => {
    expect(await look({}, withSettings({ synchronous_commit: "local" }))).toEqual([]);
  });

  it.each([
    [
      { statement_timeout: "2000" },
      "statement-timeout: statement_timeout is 2000 ms, and duplicates wait 10000 ms",
    ],
    [
      { idle_in_transaction_session_timeout: "3s" },
      "statement-timeout: idle_in_transaction_session_timeout is 3000 ms, and duplicates wait 10000 ms",
    ],
    [{ lock_timeout: "1s" }, "lock-timeout: lock_timeout is 1000 ms, and duplicates wait 10000 ms"],
    [{ default_transaction_read_only: "on" }, "read-only: default_transaction_read_only is on"],
  ])("finds %j", async (settings, seen) => {
    expect(await look({}, withSettings(settings))).toEqual([seen]);
    expect(await look({ waitMs: 500 }, withSettings(settings))).toEqual(seen.includes("ms") ? [] : [seen]);
  });

  it("finds clocks that differ", async () => {
    expect(await look({ aheadMs: 60_000 })).toEqual([
      expect.stringMatching(/^clock-skew: the server's clock is (59|60)\.\d s behind this machine's$/),
    ]);
    expect(await look({ aheadMs: -60_000 })).toEqual([
      expect.stringMatching(/^clock-skew: the server's clock is (59|60)\.\d s ahead of this machine's$/),
    ]);
    expect(await look({ aheadMs: 1_000 })).toEqual([]);
  });

  it("finds a server that is nearly full", async () => {
    const others = Array.from({ length: CONNECTIONS_MAX - 4 }, () => new pg.Client(server.url));
    for (const each of others) await each.connect();
    const found = await look();
    for (const each of others) await each.end();
    expect(found).toEqual([
      `connections: ${CONNECTIONS_MAX - 2} of ${CONNECTIONS_MAX} connections are taken`,
    ]);
    await expect.poll(() => look(), { timeout: 20_000 }).toEqual([]);
  });

  it("finds a pooler that lends its connections by the transaction", async () => {
    for (const poolMode of ["transaction", "session"] as const) {
      const pooler = await startPgbouncer(server, { poolMode, settings: { default_pool_size: "3" } });
      if (pooler.status === "skipped") return console.error(`LEFT OUT: ${pooler.reason}; ${pooler.howToAdd}`);
      try {
        const found = await look({}, pooler.url);
        const seen = expect.stringMatching(/^transaction-pooler: two connections are served by process \d+$/);
        expect(found).toEqual(poolMode === "transaction" ? [seen] : []);
      } finally {
        await pooler.stop();
      }
    }
  });

  it.skipIf(!hasBackup())("finds a standby, from both ends", { timeout: 120_000 }, async () => {
    const standby = await startStandby(server);
    try {
      await expect
        .poll(() => look(), { timeout: 20_000 })
        .toEqual(["asynchronous-replica: every standby follows asynchronously: walreceiver"]);
      expect(await look({}, standby.url)).toEqual([
        "read-only: this server is a standby that follows another one",
      ]);
      await admin.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
      await admin.query("SELECT pg_reload_conf()");
      await expect.poll(() => look(), { timeout: 20_000 }).toEqual([]);
    } finally {
      await admin.query("ALTER SYSTEM RESET synchronous_standby_names");
      await admin.query("SELECT pg_reload_conf()");
      await standby.stop();
    }
  });

  it("has met every check there is", () => {
    const left = hasBackup() ? [] : ["asynchronous-replica"];
    expect(
      checksFor("postgres")
        .filter((id) => !left.includes(id))
        .sort(),
    ).toEqual(met.ids);
  });
});

describe("opledger doctor", () => {
  const run = async (...args: string[]): Promise<{ code: number; text: string }> => {
    const io = plainIo({ DATABASE_URL: server.url });
    return { code: await runCli(["doctor", ...args], io), text: io.printed() };
  };

  it("exits with 0 where nothing is found, and says what was looked at", async () => {
    const { code, text } = await run();
    expect(code).toBe(0);
    expect(text).toMatch(
      /^postgres \d+.* at postgres:\/\/127\.0\.0\.1:\d+\/postgres, ledger public\.opledger_operations\n/,
    );
    expect(text).toMatch(/✔ \d+ checks found nothing: ledger-missing, /);
    expect(text).toContain("Nothing stands in the way");
  });

  it("exits with 1 where something is, with its reason and its fix", async () => {
    const { code, text } = await run("--table", "elsewhere");
    expect(code).toBe(1);
    expect(text).toContain(
      "✖ error  there is no table public.elsewhere  ledger-missing\n    why  Without its table",
    );
    expect(text).toMatch(/fix {2}Run `npx opledger migrate`/);
    expect(text).toContain("1 finding (1 error).");
    expect(text).toContain("docs/doctor.md");
  });

  it("exits with 0 where there are notes alone", async () => {
    const { code, text } = await run("--url", withSettings({ lock_timeout: "1s" }));
    expect(text).toContain("i note  lock_timeout is 1000 ms");
    expect(code).toBe(0);
  });

  it("prints JSON", async () => {
    const { code, text } = await run(
      "--json",
      "--wait-ms",
      "3000",
      "--url",
      withSettings({ statement_timeout: "2500" }),
    );
    expect(code).toBe(1);
    expect(JSON.parse(text)).toMatchObject({
      engine: "postgres",
      ledger: "public.opledger_operations",
      findings: [
        { id: "statement-timeout", severity: "warning", why: expect.any(String), fix: expect.any(String) },
      ],
      unchecked: [],
    });
  });

  it("exits with 3 where nobody answers", async () => {
    expect((await run("--url", "postgres://127.0.0.1:1/x")).code).toBe(3);
  });
});
