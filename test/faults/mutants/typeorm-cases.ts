import { setTimeout as sleep } from "node:timers/promises";
import { check, codeOf, same } from "./assert.js";
import type { Bench } from "./typeorm-bench.js";

type Cases = Readonly<Record<string, (bench: Bench) => Promise<void>>>;

const undone = new Error("undone");

/** Short, sharp cases, one per promise that a mutant of the adapter breaks. */
export const TYPEORM_CASES: Cases = {
  "a version that others see move": async ({ adapter, entities, open, key, id }) => {
    const repository = (await open("postgres")).getRepository(entities.Accounts);
    const accounts = adapter.withIdempotency(repository);
    const row = { id: id() };
    await accounts.operation(key()).insert(row);
    await accounts.operation(key()).increment(row, "balance", 1);
    same("version", (await repository.findOneByOrFail(row)).version, 2);
  },

  "a stale version": async ({ adapter, entities, open, key, id }) => {
    const repository = (await open("postgres")).getRepository(entities.Accounts);
    const accounts = adapter.withIdempotency(repository);
    const row = { id: id() };
    await accounts.operation(key()).insert(row);
    const stale = accounts.operation(key()).update({ ...row, version: 9 }, { status: "stale" });
    same("code", await codeOf(stale), "OPLEDGER_VERSION_CONFLICT");
    same("status", (await repository.findOneByOrFail(row)).status, "open");
  },

  "another class's row": async ({ adapter, entities, open, key, id }) => {
    const dataSource = await open("postgres");
    const row = { id: id() };
    const invoices = adapter.withIdempotency(dataSource.getRepository(entities.Invoices));
    const receipts = adapter.withIdempotency(dataSource.getRepository(entities.Receipts));
    await invoices.operation(key()).insert({ ...row, title: "invoice" });
    same(
      "code",
      await codeOf(receipts.operation(key()).update(row, { title: "x" })),
      "OPLEDGER_ROW_NOT_FOUND",
    );
  },

  "a transformer whose result is another each time": async ({ adapter, entities, open, key, id }) => {
    const accounts = adapter.withIdempotency((await open("postgres")).getRepository(entities.Accounts));
    const [row, ref] = [{ id: id(), secret: "plain" }, key()];
    const first = await accounts.operation(ref).insert(row);
    same("read back", first.value.secret, "plain");
    const again = await accounts.operation(ref).insert(row);
    same("again", [again.status, again.value.secret], ["replayed", "plain"]);
  },

  "an open transaction": async ({ adapter, entities, open, key, id }) => {
    const dataSource = await open("postgres");
    const row = { id: id() };
    const failed = dataSource.transaction(async (manager) => {
      const accounts = adapter.withIdempotency(manager.getRepository(entities.Accounts));
      await accounts.operation(key()).insert(row);
      throw undone;
    });
    await failed.catch(() => {});
    same("rows", await dataSource.getRepository(entities.Accounts).countBy(row), 0);
  },

  "a nested transaction in the work": async ({ adapter, entities, open, key, id }) => {
    const dataSource = await open("postgres");
    const row = { id: id() };
    const work = adapter.idempotency(dataSource).once(key(), async (manager) => {
      await manager.transaction((nested) => nested.insert(entities.Accounts, row));
    });
    same("code", await codeOf(work), "ok");
    same("rows", await dataSource.getRepository(entities.Accounts).countBy(row), 1);
  },

  "a stale save": async ({ adapter, entities, open, key, id }) => {
    const dataSource = await open("postgres", [new adapter.VersionGuard()]);
    const repository = dataSource.getRepository(entities.Accounts);
    const row = { id: id() };
    await repository.insert(row);
    const stale = await repository.findOneByOrFail(row);
    await adapter.withIdempotency(repository).operation(key()).update(row, { status: "moved" });
    same("code", await codeOf(repository.save({ ...stale, status: "lost" })), "OPLEDGER_VERSION_CONFLICT");
  },

  "subscribers hear of no commit that does not come": async ({ adapter, open, key }) => {
    const heard: string[] = [];
    const note = (name: string) => (): void => void heard.push(name);
    const subscriber = { afterTransactionCommit: note("commit"), afterTransactionRollback: note("rollback") };
    const ledger = adapter.idempotency(await open("postgres", [subscriber]));
    await ledger.once(key(), () => Promise.reject(undone)).catch(() => {});
    same("heard", heard, ["rollback"]);
  },

  "a stranger's statement on the one connection": async ({ adapter, entities, open, key, id }) => {
    const dataSource = await open("sqljs");
    const [repository, row] = [dataSource.getRepository(entities.Accounts), { id: id() }];
    const failing = adapter.idempotency(dataSource).once(key(), async () => {
      await sleep(30);
      throw undone;
    });
    await sleep(5);
    await repository.insert(row);
    await failing.catch(() => {});
    same("rows", await repository.countBy(row), 1);
  },

  "work that writes past its manager on the one connection": async ({ adapter, entities, open, key, id }) => {
    const dataSource = await open("sqljs");
    const [repository, row] = [dataSource.getRepository(entities.Accounts), { id: id() }];
    const failing = adapter.createLedger(dataSource, { waitMs: 0 }).once(key(), async () => {
      await repository.insert(row);
      throw undone;
    });
    same("error", await failing.catch((error: unknown) => error === undone), true);
    same("rows", await repository.countBy(row), 0);
  },

  "a key in an error": async ({ adapter, open, key }) => {
    const ledger = adapter.createLedger(await open("sqljs"), { table: "absent" });
    const error = await ledger.once(key(), () => 1).catch((thrown: Error) => thrown);
    const { cause } = error as Error;
    check("an error", cause instanceof Error);
    check(
      "no key",
      !JSON.stringify([cause, (cause as { parameters?: unknown }).parameters]).includes("SECRET"),
    );
  },
};
