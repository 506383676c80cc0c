import { AsyncLocalStorage } from "node:async_hooks";
import { type DataSource, type EntityManager, Repository } from "typeorm";
import {
  addTransactionalDataSource,
  initializeTransactionalContext,
  runInTransaction,
  StorageDriver,
} from "typeorm-transactional";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Idempotent, idempotency, idempotent, withIdempotency } from "../../src/adapters/typeorm/index.js";
import { ENGINES, openDatabase, type TestDatabase, unavailable } from "./database.js";
import { Account } from "./entities.js";

class AccountRepository extends Idempotent(Repository<Account>) {
  byEmail(email: string): Promise<Account | null> {
    return this.findOneBy({ email });
  }
}

/** As Nest's documentation has them: `withRepository` cannot make another. */
class OwnConstructor extends Idempotent(Repository<Account>) {
  constructor(dataSource: DataSource) {
    super(Account, dataSource.createEntityManager());
  }
}

let keys = 0;
const op = (operation: string) => ({ operation, key: `join-${++keys}` });
const undone = new Error("undone");

describe.each(ENGINES)("joining on %s", (engine) => {
  describe.skipIf(unavailable(engine) !== undefined)("an open transaction", () => {
    let database: TestDatabase;
    let id: number;
    const repository = () => database.dataSource.getRepository(Account);
    const balance = async () => (await repository().findOneByOrFail({ id })).balance;

    beforeAll(async () => {
      database = await openDatabase(engine);
      id = (await repository().save({ email: "joined@example.org", balance: 0 })).id;
    });
    afterAll(async () => {
      await database?.close();
    });

    /** Adds one in a transaction that is rolled back, and then for good: each way of joining must do both. */
    async function joins(
      add: (manager: EntityManager, key: ReturnType<typeof op>) => Promise<{ status: string }>,
    ) {
      const before = await balance();
      const operation = op("add");
      const { dataSource } = database;
      const failed = dataSource.transaction(async (manager) => {
        expect(await add(manager, operation)).toMatchObject({ status: "executed" });
        expect(await add(manager, operation)).toMatchObject({ status: "replayed" });
        throw undone;
      });
      await expect(failed).rejects.toBe(undone);
      expect(await balance()).toBe(before);
      await dataSource.transaction((manager) => add(manager, operation));
      expect(await dataSource.transaction((manager) => add(manager, operation))).toMatchObject({
        status: "replayed",
      });
      expect(await balance()).toBe(before + 1);
    }

    it("by the explicit form, from any repository", () =>
      joins((manager, key) =>
        idempotent(repository()).inTransaction(manager).operation(key).increment(id, "balance", 1),
      ));

    it("by a repository of the transaction's manager", () =>
      joins((manager, key) =>
        idempotent(manager.getRepository(Account)).operation(key).increment(id, "balance", 1),
      ));

    it("by a mixed-in repository that withRepository keeps", () =>
      joins((manager, key) =>
        manager.withRepository(withIdempotency(repository())).operation(key).increment(id, "balance", 1),
      ));

    it("by a class of repositories, with once", () =>
      joins((manager, key) =>
        manager
          .withRepository(new AccountRepository(Account, database.dataSource.manager))
          .once(key, async (inner) => {
            await inner.increment(Account, { id }, "balance", 1);
            return (
              await inner.withRepository(new AccountRepository(Account, inner)).byEmail("joined@example.org")
            )?.id;
          }),
      ));

    it("by a repository with a constructor of its own, explicitly", () =>
      joins((manager, key) =>
        idempotent(new OwnConstructor(database.dataSource))
          .inTransaction(manager)
          .operation(key)
          .increment(id, "balance", 1),
      ));

    it("that is nested in another, and a failed operation leaves it usable", async () => {
      const before = await balance();
      const { dataSource } = database;
      await dataSource.transaction(async (outer) => {
        await idempotent(repository())
          .inTransaction(outer)
          .operation(op("outer"))
          .increment(id, "balance", 1);
        const inner = outer.transaction(async (nested) => {
          await idempotent(repository())
            .inTransaction(nested)
            .operation(op("inner"))
            .increment(id, "balance", 10);
          throw undone;
        });
        await expect(inner).rejects.toBe(undone);
        const missing = idempotent(repository())
          .inTransaction(outer)
          .operation(op("missing"))
          .increment(-1, "balance", 1);
        await expect(missing).rejects.toMatchObject({ code: "OPLEDGER_ROW_NOT_FOUND" });
        const once = idempotency(dataSource)
          .inTransaction(outer)
          .once(op("failing"), async (manager) => {
            await manager.increment(Account, { id }, "balance", 100);
            // A savepoint of TypeORM's inside that of the operation inside the transaction.
            await manager.transaction((deeper) => deeper.increment(Account, { id }, "balance", 100));
            throw undone;
          });
        await expect(once).rejects.toBe(undone);
        await idempotency(dataSource)
          .inTransaction(outer)
          .once(op("nesting"), (manager) =>
            idempotent(manager.getRepository(Account)).operation(op("nested")).increment(id, "balance", 1),
          );
      });
      expect(await balance()).toBe(before + 2);
    });

    // sql.js does not tell whether a transaction is open, so there only those that TypeORM began can be joined.
    it.skipIf(engine === "sqljs")("that was begun by hand on a query runner", async () => {
      const before = await balance();
      const runner = database.dataSource.createQueryRunner();
      const accounts = idempotent(runner.manager.getRepository(Account));
      await runner.query("BEGIN");
      await accounts.operation(op("by hand")).increment(id, "balance", 1);
      await runner.query("ROLLBACK");
      expect(await balance()).toBe(before);
      // Without one, the operation commits by itself on that very connection.
      await accounts.operation(op("by itself")).increment(id, "balance", 1);
      expect(
        await accounts.once(op("by itself, too"), (manager) => manager.countBy(Account, { id })),
      ).toMatchObject({ value: 1 });
      await runner.release();
      expect(await balance()).toBe(before + 1);
    });

    it("of the context that an AsyncLocalStorage holds", async () => {
      const { dataSource } = database;
      const current = new AsyncLocalStorage<EntityManager>();
      class Ambient extends Idempotent(Repository<Account>) {}
      Object.defineProperty(Ambient.prototype, "manager", {
        get: () => current.getStore() ?? dataSource.manager,
        set() {},
      });
      const accounts = new Ambient(Account, dataSource.manager);
      await joins((manager, key) =>
        current.run(manager, () => accounts.operation(key).increment(id, "balance", 1)),
      );
    });

    it("whose commit or rollback the work tries is refused, and kept from nothing", async () => {
      const before = await balance();
      const operation = op("ending");
      const ledger = idempotency(database.dataSource);
      for (const end of ["commitTransaction", "rollbackTransaction"] as const) {
        const ending = ledger.once(operation, async (manager) => {
          await manager.increment(Account, { id }, "balance", 1);
          await manager.queryRunner?.[end]();
        });
        await expect(ending).rejects.toMatchObject({ code: "OPLEDGER_ROLLED_BACK" });
      }
      expect(await balance()).toBe(before);
      expect(await ledger.once(operation, () => "after all")).toMatchObject({ status: "executed" });
    });

    it("is heard of by subscribers, once its fate is known", async () => {
      const heard: string[] = [];
      const { dataSource } = database;
      const note = (name: string) => async (event: { manager: EntityManager }) => {
        heard.push(
          `${name} ${await event.manager.dataSource.getRepository(Account).countBy({ status: "heard" })}`,
        );
      };
      dataSource.subscribers.push({
        afterTransactionCommit: note("commit"),
        afterTransactionRollback: note("rollback"),
      });
      const ledger = idempotency(dataSource);
      await ledger.once(op("heard"), (manager) => manager.update(Account, { id }, { status: "heard" }));
      await expect(ledger.once(op("heard"), () => Promise.reject(undone))).rejects.toBe(undone);
      dataSource.subscribers.pop();
      expect(heard).toEqual(["commit 1", "rollback 1"]);
    });
  });
});

describe.each(ENGINES)("with typeorm-transactional on %s", (engine) => {
  if (unavailable(engine) !== undefined) {
    it.skip(`joins its transactions (skipped: ${unavailable(engine)})`, () => {});
    return;
  }
  let database: TestDatabase;
  const context = { connectionName: engine };
  beforeAll(async () => {
    initializeTransactionalContext({ storageDriver: StorageDriver.ASYNC_LOCAL_STORAGE });
    database = await openDatabase(engine);
    addTransactionalDataSource({ name: engine, dataSource: database.dataSource });
  });
  afterAll(async () => {
    await database?.close();
  });

  it("an operation inside its transaction rolls back and commits with it", async () => {
    const repository = database.dataSource.getRepository(Account);
    const { id } = await repository.save({ email: "context@example.org" });
    const accounts = withIdempotency(repository);
    const operation = op("context");
    const add = () => accounts.operation(operation).increment(id, "balance", 1);
    const failed = runInTransaction(async () => {
      expect(await add()).toMatchObject({ status: "executed" });
      throw undone;
    }, context);
    await expect(failed).rejects.toBe(undone);
    expect(await repository.findOneByOrFail({ id })).toMatchObject({ balance: 0 });
    expect(await runInTransaction(add, context)).toMatchObject({ status: "executed" });
    expect(await add()).toMatchObject({ status: "replayed" });
    const once = await runInTransaction(
      () =>
        accounts.once(op("work"), async () => {
          // The context's own repository is on the same connection.
          await repository.increment({ id }, "balance", 5);
        }),
      context,
    );
    expect(once.status).toBe("executed");
    expect(await repository.findOneByOrFail({ id })).toMatchObject({ balance: 6 });
  });
});
