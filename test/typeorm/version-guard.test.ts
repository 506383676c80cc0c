import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VersionGuard, withIdempotency } from "../../src/adapters/typeorm/index.js";
import { ENGINES, isSqlite, openDatabase, type TestDatabase, unavailable } from "./database.js";
import { Account } from "./entities.js";

describe.each(ENGINES)("a stale save on %s", (engine) => {
  describe.skipIf(unavailable(engine) !== undefined)("and the guard", () => {
    let database: TestDatabase;
    const repository = () => database.dataSource.getRepository(Account);
    let emails = 0;
    const fresh = () => repository().save({ email: `guard-${++emails}@example.org`, status: "first" });

    beforeAll(async () => {
      database = await openDatabase(engine, { subscribers: [VersionGuard] });
    });
    afterAll(async () => {
      await database?.close();
    });

    it("is refused, and the version stays", async () => {
      const { id } = await fresh();
      const stale = await repository().findOneByOrFail({ id });
      await withIdempotency(repository())
        .operation({ operation: "edit", key: `edit-${id}` })
        .update({ id, version: 1 }, { status: "second" });
      stale.status = "lost";
      await expect(repository().save(stale)).rejects.toMatchObject({
        code: "OPLEDGER_VERSION_CONFLICT",
        expected: 1,
        actual: 2,
      });
      expect(await repository().findOneByOrFail({ id })).toMatchObject({ status: "second", version: 2 });
    });

    it("lets through what is not stale, and what says nothing of a version", async () => {
      const { id } = await fresh();
      const read = await repository().findOneByOrFail({ id });
      read.status = "second";
      await repository().save(read);
      await repository().save({ id, status: "third" });
      await repository().softRemove({ id } as Account);
      const now = await repository().findOneOrFail({ where: { id }, withDeleted: true });
      expect(now).toMatchObject({ status: "third", version: 4 });
    });

    it.skipIf(isSqlite(engine))("of two at once refuses one", async () => {
      const { id } = await fresh();
      const readers = await Promise.all([1, 2, 3].map(() => repository().findOneByOrFail({ id })));
      const settled = await Promise.allSettled(
        readers.map((each, index) => repository().save(Object.assign(each, { status: `writer-${index}` }))),
      );
      expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect(await repository().findOneByOrFail({ id })).toMatchObject({ version: 2 });
    });
  });

  describe.skipIf(unavailable(engine) !== undefined)("without the guard", () => {
    it("writes over what others changed: what the guard is for", async () => {
      const database = await openDatabase(engine);
      const repository = database.dataSource.getRepository(Account);
      const { id } = await repository.save({ email: "unguarded@example.org" });
      const stale = await repository.findOneByOrFail({ id });
      await repository.update(id, { status: "second" });
      stale.status = "lost";
      await repository.save(stale);
      expect(await repository.findOneByOrFail({ id })).toMatchObject({ status: "lost" });
      await database.close();
    });
  });
});
