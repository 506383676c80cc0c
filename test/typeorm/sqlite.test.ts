import type { EntityManager } from "typeorm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { idempotency, withIdempotency } from "../../src/adapters/typeorm/index.js";
import { openDatabase, type TestDatabase, unavailable } from "./database.js";
import { Account } from "./entities.js";

const undone = new Error("undone");
let keys = 0;
const op = (operation: string) => ({ operation, key: `sqlite-${++keys}` });

const DRIVERS = ["sqljs", "better-sqlite3"] as const;

describe.each(DRIVERS)("the one connection of a data source of %s", (engine) => {
  if (unavailable(engine) !== undefined) {
    it.skip(`is tested (skipped: ${unavailable(engine)})`, () => {});
    return;
  }
  const logged: string[] = [];
  const note = (...given: unknown[]) => void logged.push(JSON.stringify(given.slice(0, 3)));
  const logger = {
    logQuery: (sql: string, values?: unknown[]) => note(sql, values),
    logQueryError: (error: string | Error, sql: string, values?: unknown[]) =>
      note(String(error), sql, values),
    ...{ logQuerySlow: note, logSchemaBuild: note, logMigration: note, log: note },
  };
  const logging = { logging: "all", logger };
  let database: TestDatabase;
  let id: number;
  const repository = () => database.dataSource.getRepository(Account);
  const accounts = () => withIdempotency(repository());
  const ledger = () => idempotency(database.dataSource);
  const balance = async () => (await repository().findOneByOrFail({ id })).balance;

  beforeAll(async () => {
    database = await openDatabase(engine, logging);
    id = (await repository().save({ email: "sqlite@example.org", balance: 0 })).id;
  });
  afterAll(async () => {
    await database?.close();
  });

  it("is shared by duplicates and strangers at once", async () => {
    const before = await balance();
    const same = op("same");
    const work = async (manager: EntityManager) => {
      await manager.increment(Account, { id }, "balance", 1);
      return manager.findOneByOrFail(Account, { id });
    };
    const outcomes = await Promise.all([
      ...Array.from({ length: 10 }, () =>
        ledger().once(same, async (manager) => (await work(manager)).balance),
      ),
      ...Array.from({ length: 10 }, () =>
        ledger().once(op("other"), async (manager) => (await work(manager)).balance),
      ),
    ]);
    expect(outcomes.filter(({ status }) => status === "executed")).toHaveLength(11);
    expect(await balance()).toBe(before + 11);
  });

  it("keeps statements and transactions of others out of an operation's", async () => {
    const before = await balance();
    const { dataSource } = database;
    const failing = ledger().once(op("failing"), async (manager) => {
      await manager.increment(Account, { id }, "balance", 100);
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw undone;
    });
    const others = Promise.all([
      repository().increment({ id }, "balance", 1),
      dataSource.transaction((manager) => manager.increment(Account, { id }, "balance", 1)),
      accounts().operation(op("bound")).increment(id, "balance", 1),
    ]);
    await expect(failing).rejects.toBe(undone);
    await others;
    expect(await balance()).toBe(before + 3);
  });

  it("lets a subscriber's own statement pass with the statement that it heard of", async () => {
    const before = await balance();
    const { dataSource } = database;
    let asked = 0;
    dataSource.subscribers.push({
      beforeQuery: async ({ query }) => {
        if (!query.startsWith("UPDATE")) return;
        await dataSource.query("SELECT 1");
        asked += 1;
      },
    });
    // The operation waits for the stranger's statement, which waits for the subscriber's.
    await Promise.all([
      repository().increment({ id }, "balance", 1),
      accounts().operation(op("behind")).increment(id, "balance", 1),
    ]);
    dataSource.subscribers.pop();
    expect([asked, await balance()]).toStrictEqual([1, before + 2]);
  });

  it("waits for a transaction of TypeORM's own, which does not join it by chance", async () => {
    const before = await balance();
    const { dataSource } = database;
    let bound: Promise<unknown> | undefined;
    const failing = dataSource.transaction(async (manager) => {
      await manager.increment(Account, { id }, "balance", 100);
      bound = accounts().operation(op("waiting")).increment(id, "balance", 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw undone;
    });
    await expect(failing).rejects.toBe(undone);
    await bound;
    expect(await balance()).toBe(before + 1);
  });

  it("what the work does by other repositories of the data source belongs to the operation", async () => {
    const before = await balance();
    const failing = ledger().once(op("ambient"), async () => {
      await repository().increment({ id }, "balance", 100);
      throw undone;
    });
    await expect(failing).rejects.toBe(undone);
    expect(await balance()).toBe(before);
    const ending = ledger().once(op("ambient"), async () => {
      await repository().increment({ id }, "balance", 100);
      await repository()
        .query("COMMIT")
        .catch(() => {});
    });
    await expect(ending).rejects.toMatchObject({ code: "OPLEDGER_ROLLED_BACK" });
    expect(await balance()).toBe(before);
  });

  it("is free again where a transaction cannot begin", async () => {
    const runner = database.dataSource.createQueryRunner();
    await expect(runner.startTransaction("REPEATABLE READ")).rejects.toThrow(/isolation/);
    expect(await ledger().once(op("after"), () => 1)).toMatchObject({ status: "executed" });
  });

  it("shows neither the query log nor subscribers a key or a value of the ledger's", async () => {
    const secret = { operation: "secret", key: "SECRET-KEY" };
    const heard: string[] = [];
    database.dataSource.subscribers.push({
      beforeQuery: ({ parameters }) => void heard.push(JSON.stringify(parameters ?? [])),
    });
    await ledger().once(secret, (manager) => manager.countBy(Account, { id }));
    await accounts().operation({ operation: "secret bound", key: "SECRET-KEY" }).increment(id, "balance", 1);
    database.dataSource.subscribers.pop();
    expect(logged.join("\n")).toContain("COUNT");
    expect([...logged, ...heard].join("\n")).not.toContain("SECRET-KEY");
  });

  it("gives whole numbers beyond 2^53 exactly, and stores the same", async () => {
    const operation = op("exact");
    await database.dataSource.query(`UPDATE accounts SET balance = 9007199254740992 WHERE id = ${id}`);
    const add = () => accounts().operation(operation).increment(id, "balance", 1);
    for (const status of ["executed", "replayed"]) {
      expect(await add()).toMatchObject({ status, value: { balance: 9_007_199_254_740_993n } });
    }
    await repository().update(id, { balance: 0 });
  });

  it("refuses a sum that 64 bits cannot hold, which SQLite would round", async () => {
    const query = (sql: string) => database.dataSource.query(sql) as Promise<{ kept: string }[]>;
    await query(`UPDATE accounts SET balance = 9223372036854775806 WHERE id = ${id}`);
    const over = accounts().operation(op("over")).increment(id, "balance", 2);
    await expect(over).rejects.toThrow(/integer overflow/);
    const [row] = await query(
      `SELECT typeof(balance) || ' ' || balance AS kept FROM accounts WHERE id = ${id}`,
    );
    expect(row).toStrictEqual({ kept: "integer 9223372036854775806" });
  });
});
