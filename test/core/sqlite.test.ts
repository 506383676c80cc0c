import Client from "libsql";
import { expect, test } from "vitest";
import type { Database, Executor, ResultSet, Row, Statement } from "../../src/core/executor.js";
import { Ledger } from "../../src/core/ledger.js";
import { checkedOptions } from "../../src/core/options.js";
import { inOrder, runScript } from "../../src/core/script.js";
import { sqliteFailure } from "../../src/dialects/sqlite/failure.js";
import { sqliteDialect } from "../../src/dialects/sqlite/index.js";
import { ledgerMigrations } from "../../src/migrations/index.js";

interface Sqlite {
  exec(sql: string): void;
  prepare(sql: string): {
    readonly reader: boolean;
    all(values: readonly unknown[]): Row[];
    run(values: readonly unknown[]): { readonly changes: number };
  };
}

/** The least that a client must do: one connection, one transaction at a time. */
function database(sqlite: Sqlite): Database<Executor> {
  const run = async ({ sql, values, orElse }: Statement): Promise<ResultSet> => {
    try {
      const prepared = sqlite.prepare(sql);
      if (!prepared.reader) return { rows: [], affected: prepared.run(values).changes };
      const rows = prepared.all(values);
      return { rows, affected: rows.length };
    } catch (error) {
      if (orElse !== undefined && /UNIQUE/.test(String(error))) return run(orElse);
      throw error;
    }
  };
  return {
    joined: false,
    run,
    failure: (error) => sqliteFailure({ message: String(error) }, "opledger_operations"),
    transaction: async ({ opening, script, body }) => {
      sqlite.exec("BEGIN IMMEDIATE");
      try {
        const opened = script === undefined ? [] : [...inOrder(await runScript({ run }, script))];
        for (const statement of opening) opened.push(await run(statement));
        const { closing, value } = await body(opened, { run }, { run });
        for (const statement of closing) expect((await run(statement)).affected).toBe(statement.affects);
        sqlite.exec("COMMIT");
        return value;
      } catch (error) {
        sqlite.exec("ROLLBACK");
        throw error;
      }
    },
  };
}

function open(): { readonly sqlite: Sqlite; readonly ledger: Ledger<Executor> } {
  const sqlite = new Client(":memory:") as unknown as Sqlite;
  for (const { up } of ledgerMigrations("sqlite")) sqlite.exec(up);
  sqlite.exec(`CREATE TABLE accounts (id INTEGER PRIMARY KEY, email TEXT UNIQUE, n INTEGER DEFAULT 0, version INTEGER DEFAULT 1, stamp TEXT);
CREATE TABLE keyed (a TEXT, b TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TRIGGER stamp AFTER INSERT ON accounts BEGIN UPDATE accounts SET stamp = 'stamped' WHERE id = NEW.id; END;`);
  const { settings } = checkedOptions<Executor>({});
  const dialect = sqliteDialect({ schema: undefined, table: "opledger_operations" });
  return { sqlite, ledger: new Ledger({ ...settings, database: database(sqlite), dialect }) };
}

const op = (key: string): { operation: string; key: string } => ({ operation: "test", key });

test("each write runs once, and is replayed as it first was", async () => {
  const { sqlite, ledger } = open();
  const both = async (write: () => Promise<{ status: string; effect: string; value: unknown }>) => {
    const first = await write();
    expect(await write()).toStrictEqual({ ...first, status: "replayed" });
    expect(first.status).toBe("executed");
    return [first.effect, first.value];
  };
  const row = { id: 1, email: "a", n: 0, version: 1, stamp: "stamped" };
  const [one, two, three, four, five, six, seven] = ["1", "2", "3", "4", "5", "6", "7"].map((key) =>
    ledger.operation(op(key)),
  );
  // By the row's number, after the trigger.
  expect(await both(() => required(one).insert({ into: "accounts", values: { email: "a" } }))).toStrictEqual([
    "inserted",
    row,
  ]);
  const natural = { into: "accounts", values: { email: "a", n: 7 }, conflict: ["email"] };
  expect(await both(() => required(two).insert(natural))).toStrictEqual(["unchanged", row]);
  expect(await both(() => required(three).upsert(natural))).toStrictEqual(["updated", { ...row, n: 7 }]);
  const adding = { table: "accounts", where: { id: 1 }, by: { n: "3" } };
  expect(await both(() => required(four).increment(adding))).toStrictEqual(["updated", { ...row, n: 10 }]);
  const setting = { table: "accounts", where: { id: 1 }, set: { n: 5 }, version: 1 };
  const left = { ...row, n: 5, version: 2 };
  expect(await both(() => required(five).update(setting))).toStrictEqual(["updated", left]);
  const keyed = { into: "main.keyed", values: { a: "x", b: "y" } };
  expect(await both(() => required(six).insert(keyed))).toStrictEqual(["inserted", { a: "x", b: "y" }]);
  expect(await both(() => required(seven).delete({ from: "accounts", where: { email: "a" } }))).toStrictEqual(
    ["deleted", left],
  );
  await expect(ledger.operation(op("8")).update(setting)).rejects.toMatchObject({
    code: "OPLEDGER_ROW_NOT_FOUND",
  });
  expect(
    sqlite.prepare("SELECT count(*) AS n FROM opledger_operations WHERE state = 1").all([]),
  ).toStrictEqual([{ n: 7 }]);
});

test("once, a stale version, and a sweep", async () => {
  const { sqlite, ledger } = open();
  const work = async (tx: Executor): Promise<bigint> => {
    await tx.run({ sql: "INSERT INTO accounts (id) VALUES (?)", values: [5] });
    return 9007199254740993n;
  };
  expect(await ledger.once(op("o"), work)).toStrictEqual({ status: "executed", value: 9007199254740993n });
  expect(await ledger.once(op("o"), work)).toStrictEqual({ status: "replayed", value: 9007199254740993n });
  const stale = { table: "accounts", where: { id: 5 }, set: { n: 1 }, version: 7 };
  await expect(ledger.operation(op("s")).update(stale)).rejects.toMatchObject({ expected: 7, actual: 1 });
  expect(await ledger.inspect(op("o"))).toMatchObject({ status: "completed", value: 9007199254740993n });
  expect((await ledger.sweep()).removed).toBe(0);
  sqlite.exec("UPDATE opledger_operations SET expires_at = 0");
  expect((await ledger.sweep()).removed).toBe(1);
});

test("an unknown name is refused, and never taken for a text", async () => {
  const { ledger } = open();
  await expect(
    ledger.operation(op("n")).delete({ from: "accounts", where: { nope: "nope" } }),
  ).rejects.toThrow(/no such column/);
});

test.each([
  ["UNIQUE constraint failed: opledger_operations.id", undefined, { kind: "duplicate", ledger: true }],
  ["UNIQUE constraint failed: accounts.id", undefined, { kind: "duplicate" }],
  ["database is locked", "SQLITE_BUSY", { kind: "locked" }],
  ["database is locked", "SQLITE_BUSY_SNAPSHOT", { kind: "conflict" }],
  ["no such table: main.opledger_operations", undefined, { kind: "schema" }],
  ["no such table: opledger_operations_old", undefined, { kind: "other" }],
  ["no such column: opledger_ledger.state", undefined, { kind: "schema" }],
  ["table opledger_operations has no column named state", undefined, { kind: "schema" }],
  ["no such column: state", undefined, { kind: "other" }],
  ["attempt to write a readonly database", "SQLITE_READONLY", { kind: "read-only" }],
  ["no such savepoint: opledger_claim", undefined, { kind: "ended" }],
])("%s (%s)", (message, code, failure) => {
  expect(sqliteFailure({ message, code }, "opledger_operations")).toStrictEqual(failure);
});

test("an attached database's ledger has its index there, too", () => {
  const [step] = ledgerMigrations("sqlite", { schema: "s", table: "t" });
  expect(step?.upStatements).toContain("CREATE INDEX `s`.`t_expires_at_idx` ON `t` (`expires_at`)");
});

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("missing");
  return value;
}

test("an erased operation is never executed again, and is counted", async () => {
  const { ledger } = open();
  const op = { operation: "erased", scope: "acme", key: "k-1" };
  await ledger.once(op, () => "secret");
  await ledger.operation({ ...op, key: "k-2" }).insert({ into: "accounts", values: { id: 77, n: 1 } });
  expect(await ledger.stats()).toMatchObject([
    { operation: "erased", completed: 2, expired: 0, unfinished: 0 },
  ]);
  expect(await ledger.erase({ scope: "other" })).toEqual({ erased: 0 });
  expect(await ledger.erase({ scope: "acme", batch: 1 })).toEqual({ erased: 2 });
  const erased = { code: "OPLEDGER_RESULT_ERASED" };
  await expect(ledger.once(op, () => "again")).rejects.toMatchObject(erased);
  const insert = ledger
    .operation({ ...op, key: "k-2" })
    .insert({ into: "accounts", values: { id: 77, n: 1 } });
  await expect(insert).rejects.toMatchObject(erased);
  expect(await ledger.stats()).toMatchObject([{ completed: 2, resultBytes: 0 }]);
});
