import { IsNull } from "typeorm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { idempotency, withIdempotency } from "../../src/adapters/typeorm/index.js";
import { VersionConflictError } from "../../src/index.js";
import { ENGINES, isSqlite, openDatabase, type TestDatabase, unavailable } from "./database.js";
import { Account, Document, Invoice, Money, Owner, Payment, Receipt } from "./entities.js";

let keys = 0;
const op = (operation: string, more: object = {}) => ({ operation, key: `key-${++keys}`, ...more });
let emails = 0;
const email = () => `person-${++emails}@example.org`;

describe.each(ENGINES)("bound writes on %s", (engine) => {
  describe.skipIf(unavailable(engine) !== undefined)("are what TypeORM's own are", () => {
    let database: TestDatabase;
    const repository = () => database.dataSource.getRepository(Account);
    const accounts = () => withIdempotency(repository());
    const found = (id: number) => repository().findOneOrFail({ where: { id }, withDeleted: true });

    beforeAll(async () => {
      database = await openDatabase(engine);
    });
    afterAll(async () => {
      await database?.close();
    });

    /** Runs a write twice: both outcomes are the entity that `find` gives. */
    async function twice<T extends { status: string; value: unknown }>(
      run: () => Promise<T>,
      read: (value: NonNullable<T["value"]>) => Promise<unknown>,
    ): Promise<T> {
      const first = await run();
      expect(first.status).toBe("executed");
      const second = await run();
      expect(second).toStrictEqual({ ...first, status: "replayed" });
      expect(first.value).toStrictEqual(await read(first.value as NonNullable<T["value"]>));
      return first;
    }

    const account = (more: object = {}) =>
      repository().save(repository().create({ email: email(), ...more }));

    it("insert, with transformers, embedded, relations, defaults and dates", async () => {
      const owner = await database.dataSource.getRepository(Owner).save({ name: "Ada" });
      const operation = op("open");
      const values = {
        email: email(),
        limit: new Money(500),
        secret: "hidden",
        address: { street: "Main Street", zip: null },
        owner,
        guarantor: { id: owner.id },
        tags: ["a", "b"],
        settings: { theme: { dark: true } },
        vip: true,
      };
      const { effect, value } = await twice(
        () => accounts().operation(operation).insert(values),
        ({ id }) => found(id),
      );
      expect(effect).toBe("inserted");
      expect(value).toBeInstanceOf(Account);
      expect(value.limit).toStrictEqual(new Money(500));
      expect(value).toMatchObject({ ownerId: owner.id, version: 1, balance: 0, status: "open", vip: true });
      expect(value).not.toHaveProperty("secret", "hidden");
      const stored = await repository().findOne({
        where: { id: value.id },
        select: { id: true, secret: true },
        relations: { guarantor: true },
      });
      expect(stored).toMatchObject({ secret: "hidden", guarantor: { id: owner.id } });
    });

    it("insert with a natural key leaves the row that stands alone", async () => {
      const standing = await account({ balance: 7 });
      const { effect, value } = await twice(
        () =>
          accounts()
            .operation(op("open", { key: "natural" }))
            .insert({ email: standing.email, balance: 9 }, { conflict: ["email"] }),
        ({ id }) => found(id),
      );
      expect(effect).toBe("unchanged");
      expect(value.balance).toBe(7);
    });

    it("a generated id and the operation's are no part of the payload", async () => {
      const payments = withIdempotency(database.dataSource.getRepository(Payment));
      const operation = op("pay");
      // SQLite's drivers give numbers, which hold no more.
      const amount = isSqlite(engine) ? "900719925474099" : "9007199254740993";
      const { value } = await twice(
        () => payments.operation(operation).insert({ amount, due: "2026-02-03" }),
        ({ id }) => payments.findOneByOrFail({ id }),
      );
      const record = await idempotency(database.dataSource).inspect(operation);
      expect(value.operationId).toBe(record?.id);
      expect(String(value.amount)).toBe(amount);
    });

    it("upsert bumps version and date of the row that stood, and tells which it did", async () => {
      const address = email();
      const first = await twice(
        () =>
          accounts()
            .operation(op("put", { key: `${address}-1` }))
            .upsert({ email: address, status: "new" }, ["email"]),
        ({ id }) => found(id),
      );
      expect(first.effect).toBe("inserted");
      const second = await twice(
        () =>
          accounts()
            .operation(op("put", { key: `${address}-2` }))
            .upsert({ email: address, status: "old" }, ["email"]),
        ({ id }) => found(id),
      );
      expect(second.effect).toBe("updated");
      expect(second.value).toMatchObject({ id: first.value.id, status: "old", version: 2 });
    });

    it("update bumps version and update date, and takes SQL", async () => {
      const { id } = await account({ balance: 10 });
      await repository().query(`UPDATE accounts SET updated_at = '2020-01-01 00:00:00'`);
      const operation = op("rename");
      const { value } = await twice(
        () =>
          accounts()
            .operation(operation)
            .update(id, { status: () => "UPPER('closed')", address: { street: "Elsewhere" } }),
        () => found(id),
      );
      expect(value).toMatchObject({
        status: "CLOSED",
        version: 2,
        balance: 10,
        address: { street: "Elsewhere" },
      });
      expect(value.updatedAt.getUTCFullYear()).toBeGreaterThan(2020);
    });

    it("update at a version is a compare-and-set", async () => {
      const { id, version } = await account();
      const operation = op("close");
      const close = () => accounts().operation(operation).update({ id, version }, { status: "closed" });
      await twice(close, () => found(id));
      const stale = accounts().operation(op("close")).update({ id, version }, { status: "again" });
      await expect(stale).rejects.toMatchObject({
        code: "OPLEDGER_VERSION_CONFLICT",
        expected: 1,
        actual: 2,
      });
      await expect(stale).rejects.toBeInstanceOf(VersionConflictError);
      expect(await close()).toMatchObject({ status: "replayed" });
      expect(await found(id)).toMatchObject({ status: "closed", version: 2 });
    });

    it("increment and decrement are logged, and bump version and date", async () => {
      const { id } = await account({ balance: 100 });
      const up = op("top_up");
      await twice(
        () => accounts().operation(up).increment({ id }, "balance", 50),
        () => found(id),
      );
      const down = op("charge");
      const { value } = await twice(
        () => accounts().operation(down).decrement({ id, version: 2 }, "balance", "30"),
        () => found(id),
      );
      expect(value).toMatchObject({ balance: 120, version: 3 });
      const stale = accounts().operation(op("charge")).decrement({ id, version: 2 }, "balance", 1);
      await expect(stale).rejects.toMatchObject({ code: "OPLEDGER_VERSION_CONFLICT", actual: 3 });
    });

    it("save inserts what has no version, and compares and sets what has one", async () => {
      const operation = op("create");
      const fresh = repository().create({ email: email(), balance: 1 });
      const { value } = await twice(
        () => accounts().operation(operation).save(fresh),
        ({ id }) => found(id),
      );
      expect(value.version).toBe(1);
      const read = await found(value.id);
      read.balance = 2;
      const edit = op("edit");
      const saved = await twice(
        () => accounts().operation(edit).save(read),
        ({ id }) => found(id),
      );
      expect(saved).toMatchObject({ effect: "updated", value: { balance: 2, version: 2 } });
      expect(saved.value.createdAt).toStrictEqual(value.createdAt);
      await expect(accounts().operation(op("edit")).save(read)).rejects.toMatchObject({
        code: "OPLEDGER_VERSION_CONFLICT",
      });
    });

    it("delete gives what was there, and null where nothing was", async () => {
      const { id } = await account();
      const before = await found(id);
      const operation = op("drop");
      const { effect, value } = await twice(
        () => accounts().operation(operation).delete(id),
        async () => before,
      );
      expect([effect, value?.id]).toEqual(["deleted", id]);
      const nothing = await accounts().operation(op("drop")).delete({ id });
      expect(nothing).toStrictEqual({ status: "executed", effect: "unchanged", value: null });
    });

    it("softDelete and restore are different operations, by the database's clock", async () => {
      const { id } = await account();
      const operation = op("remove", { payload: "the same" });
      const { value } = await twice(
        () => accounts().operation(operation).softDelete(id),
        () => found(id),
      );
      expect(value.deletedAt).toBeInstanceOf(Date);
      expect(value.version).toBe(2);
      await expect(accounts().operation(operation).restore(id)).rejects.toMatchObject({
        code: "OPLEDGER_FINGERPRINT_MISMATCH",
      });
      const restored = await twice(
        () =>
          accounts()
            .operation(op("restore", { key: `r-${id}` }))
            .restore(id),
        () => found(id),
      );
      expect(restored.value.deletedAt).toBeNull();
    });

    it("single-table inheritance keeps classes apart", async () => {
      const { dataSource } = database;
      const invoices = withIdempotency(dataSource.getRepository(Invoice));
      const receipts = withIdempotency(dataSource.getRepository(Receipt));
      const documents = withIdempotency(dataSource.getRepository(Document));
      const operation = op("file");
      const { value } = await twice(
        () => invoices.operation(operation).insert({ id: 1, title: "Bill", cents: 42 }),
        ({ id }) => invoices.findOneByOrFail({ id }),
      );
      expect(value).toBeInstanceOf(Invoice);
      await expect(receipts.operation(op("file")).update(1, { title: "no" })).rejects.toMatchObject({
        code: "OPLEDGER_ROW_NOT_FOUND",
      });
      const byRoot = op("file");
      const renamed = await twice(
        () => documents.operation(byRoot).update(1, { title: "Yes" }),
        ({ id }) => documents.findOneByOrFail({ id }),
      );
      expect(renamed.value).toBeInstanceOf(Invoice);
    });

    it("IsNull() stands for NULL, and null, undefined and what is not equality are refused", async () => {
      const { id } = await account();
      const bound = () => accounts().operation(op("odd"));
      await bound().update({ id, ownerId: IsNull() }, { status: "orphan" });
      expect(await found(id)).toMatchObject({ status: "orphan" });
      await expect(bound().update({ id, ownerId: null as never }, { status: "x" })).rejects.toThrow(/IsNull/);
      await expect(bound().update({ id: undefined as never }, { status: "x" })).rejects.toThrow(TypeError);
      await expect(bound().update({}, { status: "x" })).rejects.toThrow(/empty criteria/);
      await expect(bound().update({ id }, { stat: "x" } as never)).rejects.toThrow(/no property "stat"/);
      await expect(bound().update({ id }, { version: 9 })).rejects.toThrow(/version/);
      await expect(bound().update({ status: "open" }, { status: "y" })).rejects.toThrow(/more than one row/);
    });

    it("a unique violation is TypeORM's own error, and not recorded", async () => {
      const standing = await account();
      const operation = op("open");
      const insert = () => accounts().operation(operation).insert({ email: standing.email });
      await expect(insert()).rejects.toMatchObject({ name: "QueryFailedError" });
      await repository().delete(standing.id);
      expect(await insert()).toMatchObject({ status: "executed" });
    });

    it("another write under the same key is a mismatch", async () => {
      const { id } = await account();
      const operation = op("one");
      await accounts().operation(operation).increment(id, "balance", 1);
      await expect(accounts().operation(operation).increment(id, "balance", 2)).rejects.toMatchObject({
        code: "OPLEDGER_FINGERPRINT_MISMATCH",
      });
      await expect(accounts().operation(operation).decrement(id, "balance", 1)).rejects.toMatchObject({
        code: "OPLEDGER_FINGERPRINT_MISMATCH",
      });
      expect((await found(id)).balance).toBe(1);
    });
  });
});
