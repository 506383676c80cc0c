import mysql from "mysql2/promise";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ledgerMigrations } from "../../../src/migrations/index.js";
import type { Server } from "../../servers/types.js";
import { checksFor, type DiagnoseOptions, diagnose, Met, ownServer, signs } from "./diagnose.js";

interface Flavour {
  readonly engine: "mysql" | "mariadb";
  /** What the engine calls the isolation, and the limit of a statement with the unit in it. */
  readonly isolation: string;
  readonly statementLimit: readonly [name: string, value: string, limitMs: number];
  /** What makes the second server a replica of the first. */
  readonly follow: (primary: Server) => readonly string[];
  /** Alterations that only this engine has. */
  readonly altered: readonly (readonly [statement: string, seen: string])[];
  /** Checks that another file meets. */
  readonly elsewhere: readonly string[];
}

/** What doctor must see on a server of this kind; MySQL and MariaDB differ in names only. */
export function doctorOn(flavour: Flavour): void {
  const { engine } = flavour;
  const met = new Met();
  let server: Server;
  let second: Server;
  let admin: mysql.Connection;
  let absent = false;

  beforeAll(async () => {
    // The binary log is on, so that how it is written matters.
    const common = {
      durable: true,
      settings: { "log-bin": "bin", "server-id": "1", "max-connections": "20" },
    };
    const first = await ownServer(engine, common);
    const other = await ownServer(engine, {
      ...common,
      settings: { ...common.settings, "server-id": "2", "innodb-rollback-on-timeout": "ON" },
    });
    absent = first === undefined || other === undefined;
    if (first === undefined || other === undefined) return;
    [server, second] = [first, other];
    admin = await mysql.createConnection(server.url);
    for (const each of [server, second]) await migrate(each.url);
  });
  beforeEach(({ skip }) => skip(absent, `no ${engine} here`));
  afterAll(async () => {
    await admin?.end();
    await second?.stop();
    await server?.stop();
  });

  const look = async (options?: DiagnoseOptions, url = server.url): Promise<readonly string[]> =>
    met.see(await signs(url, options));

  async function migrate(url: string, table?: string): Promise<void> {
    const client = await mysql.createConnection(url);
    for (const { upStatements } of ledgerMigrations(engine, { table })) {
      for (const each of upStatements) await client.query(each);
    }
    await client.end();
  }

  let tables = 0;
  async function ledger(): Promise<string> {
    tables += 1;
    const table = `ledger_${tables}`;
    await migrate(server.url, table);
    return table;
  }

  /** Sets a global variable for as long as `use` runs. */
  async function having(name: string, value: string, use: () => Promise<void>): Promise<void> {
    const [rows] = await admin.query("SHOW GLOBAL VARIABLES LIKE ?", [name]);
    const before = (rows as { Value: string }[])[0]?.Value ?? "";
    await admin.query(`SET GLOBAL ${name} = ${value}`);
    try {
      await use();
    } finally {
      const plain = /^[\d.]+$/.test(before) ? before : `'${before}'`;
      await admin.query(`SET GLOBAL ${name} = ${plain}`);
    }
  }

  describe(`doctor on ${engine}`, () => {
    it("finds nothing on a server as it should be", async () => {
      expect(await look()).toEqual([]);
      expect(await look({ table: await ledger() })).toEqual([]);
      expect(await look({ schema: "test" })).toEqual([]);
    });

    it("finds that there is no ledger", async () => {
      expect(await look({ table: "elsewhere" })).toEqual(["ledger-missing: there is no table elsewhere"]);
    });

    it.each<readonly [statement: string, seen: string]>([
      [
        "ALTER TABLE $t MODIFY scope VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL",
        "lacks column scope varchar(255) utf8mb4_bin not null (it is column scope varchar(255) utf8mb4_general_ci not null)",
      ],
      [
        "ALTER TABLE $t MODIFY `key` VARCHAR(100) NOT NULL",
        "(it is column key varchar(100) utf8mb4_bin not null)",
      ],
      ["ALTER TABLE $t DROP COLUMN fingerprint", "lacks column fingerprint binary(32) not null"],
      ["ALTER TABLE $t DROP PRIMARY KEY", "lacks primary key (id)"],
      ["DROP INDEX $t_expires_at_idx ON $t", "lacks index (expires_at)"],
      ["ALTER TABLE $t DROP CONSTRAINT $t_state_check", "lacks check ledger_state_check"],
      ["ALTER TABLE $t ADD UNIQUE (`key`)", "has unique (key)"],
      ["ALTER TABLE $t ADD tenant INT NOT NULL", "has column tenant int"],
      ...flavour.altered,
    ])("finds what was altered: %s", async (statement, seen) => {
      const table = await ledger();
      await admin.query(statement.replaceAll("$t", table));
      expect(await look({ table })).toEqual([expect.stringMatching(/^ledger-altered: the ledger /)]);
      expect((await look({ table }))[0]).toContain(seen);
    });

    it("finds another version", async () => {
      const table = await ledger();
      await admin.query(`ALTER TABLE ${table} COMMENT = 'opledger ledger, version 0'`);
      expect(await look({ table })).toEqual([
        "ledger-outdated: the ledger has version 0, and the newest is 1",
      ]);
      await admin.query(`ALTER TABLE ${table} COMMENT = ''`);
      expect(await look({ table })).toEqual(["ledger-outdated: the ledger has no mark of its version"]);
    });

    it("finds operations that nobody sweeps", async () => {
      const table = await ledger();
      const fill = (rows: number): Promise<unknown> =>
        admin.query(
          `INSERT INTO ${table} SELECT LEFT(UNHEX(SHA2(UUID(), 256)), 16), '', 'o', 'k', '', 1, NULL, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) - INTERVAL 2 DAY
FROM information_schema.COLUMNS LIMIT ${rows}`,
        );
      await fill(1_000);
      expect(await look({ table })).toEqual([]);
      await fill(1);
      const seen = "sweep-lag: 1,001 operations expired more than a day ago and are still there";
      expect(await look({ table })).toEqual([seen]);
    });

    it("finds space that nobody uses", { timeout: 120_000 }, async () => {
      const table = await ledger();
      await admin.query(
        `INSERT INTO ${table} SELECT LEFT(UNHEX(SHA2(UUID(), 256)), 16), '', 'o', 'k', '', 1, REPEAT('x', 1000000), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL 1 DAY
FROM information_schema.COLUMNS LIMIT 60`,
      );
      await admin.query(`ANALYZE TABLE ${table}`);
      expect(await look({ table })).toEqual([]);
      await admin.query(`DELETE FROM ${table}`);
      // The server frees the rows at leisure, and counts them when asked to.
      const found = async (): Promise<readonly string[]> => {
        await admin.query(`ANALYZE TABLE ${table}`);
        return look({ table });
      };
      const seen = /^ledger-bloat: \d+\.\d MiB of the ledger's file are free, and \d+\.\d [KM]iB are used$/;
      await expect.poll(found, { timeout: 60_000 }).toEqual([expect.stringMatching(seen)]);
      await admin.query(`OPTIMIZE TABLE ${table}`);
      expect(await found()).toEqual([]);
    });

    it("finds what the user may not do", async () => {
      const url = new URL(server.url);
      url.username = "app";
      const table = await ledger();
      const grant = (rights: string): Promise<unknown> => admin.query(`GRANT ${rights} TO app`);
      await admin.query("CREATE USER app");
      await grant(`SELECT, INSERT ON test.${table}`);
      if (engine === "mysql") await grant("EXECUTE ON test.*");
      // What else this user may not look at is not what is asked here.
      const lacking = async (): Promise<readonly string[]> =>
        met.see((await signs(url.href, { table })).filter((each) => /^(privileges|ledger-)/.test(each)));
      const seen = expect.stringMatching(/^privileges: app@\S+ may not UPDATE, DELETE on the ledger$/);
      expect(await lacking()).toEqual([seen]);
      await grant(`UPDATE, DELETE ON test.${table}`);
      expect(await lacking()).toEqual([]);
      if (engine === "mysql") {
        await admin.query("REVOKE EXECUTE ON test.* FROM app");
        const { findings } = await diagnose(url.href, { table });
        const why = {
          seen: expect.stringContaining("lacks procedure"),
          fix: expect.stringContaining("GRANT EXECUTE"),
        };
        expect(findings).toMatchObject([{ id: "ledger-altered", ...why }]);
      }
      await admin.query("DROP USER app");
    });

    const [limit, value, limitMs] = flavour.statementLimit;
    it.each([
      ["innodb_flush_log_at_trx_commit", "2", "flush-log-at-commit: innodb_flush_log_at_trx_commit is 2"],
      ["sync_binlog", "0", "sync-binlog: the binary log is on, and sync_binlog is 0"],
      [flavour.isolation, "'READ-UNCOMMITTED'", "isolation: the isolation is READ-UNCOMMITTED"],
      [
        flavour.isolation,
        "'SERIALIZABLE'",
        "isolation: the isolation is SERIALIZABLE: plain reads lock too, and duplicates meet more deadlocks",
      ],
      // The driver asks for IGNORE_SPACE by itself.
      ["sql_mode", "''", /^sql-mode-not-strict: sql_mode is IGNORE_SPACE$/],
      ["sql_mode", "'ANSI_QUOTES'", /^sql-mode-not-strict: sql_mode is ANSI_QUOTES/],
      ["read_only", "ON", "read-only: read_only is ON"],
      [limit, value, `statement-timeout: ${limit} is ${limitMs} ms, and duplicates wait 10000 ms`],
      [
        "innodb_lock_wait_timeout",
        "3",
        "lock-timeout: innodb_lock_wait_timeout is 3000 ms, and duplicates wait 10000 ms",
      ],
    ])("finds %s = %s", (name, wrong, seen) =>
      having(name, wrong, async () => {
        expect(await look()).toEqual([typeof seen === "string" ? seen : expect.stringMatching(seen)]);
      }),
    );

    it("finds that a timeout rolls everything back", async () => {
      expect(await look({}, second.url)).toEqual(["rollback-on-timeout: innodb_rollback_on_timeout is ON"]);
    });

    it("finds tables that know no transactions", async () => {
      await admin.query("CREATE TABLE counters (n INT) ENGINE = MyISAM");
      await admin.query("CREATE TABLE cache (n INT) ENGINE = MEMORY");
      const found = await look();
      await admin.query("DROP TABLE counters, cache");
      expect(found).toEqual([
        "non-transactional-tables: not transactional: cache (MEMORY), counters (MyISAM)",
      ]);
    });

    it("finds clocks that differ", async () => {
      const behind = /^clock-skew: the server's clock is (59|60)\.\d s behind this machine's$/;
      expect(await look({ aheadMs: 60_000 })).toEqual([expect.stringMatching(behind)]);
      expect(await look({ aheadMs: 1_000 })).toEqual([]);
    });

    it("finds a server that is nearly full", async () => {
      const others = await Promise.all(Array.from({ length: 14 }, () => mysql.createConnection(server.url)));
      const found = await look();
      for (const each of others) await each.end();
      expect(found).toEqual(["connections: 16 of 20 connections are taken"]);
      await expect.poll(() => look(), { timeout: 20_000 }).toEqual([]);
    });

    it("finds a replica, from both ends", { timeout: 120_000 }, async () => {
      const replica = await mysql.createConnection(second.url);
      for (const each of [...flavour.follow(server), "SET GLOBAL read_only = ON"]) await replica.query(each);
      await expect
        .poll(() => look(), { timeout: 60_000 })
        .toEqual(["asynchronous-replica: 1 replica follows asynchronously"]);
      expect(await look({}, second.url)).toContain("read-only: read_only is ON");
      await replica.end();
    });

    it("has met every check there is", () => {
      expect([...met.ids, ...flavour.elsewhere].sort()).toEqual(checksFor(engine).sort());
    });
  });
}
