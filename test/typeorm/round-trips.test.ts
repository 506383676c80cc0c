import type { Repository } from "typeorm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Idempotency, withIdempotency } from "../../src/adapters/typeorm/index.js";
import { type FaultProxy, startProxy, targetOf, throughProxy } from "../proxy/proxy.js";
import { openDatabase, type TestDatabase, unavailable } from "./database.js";
import { Account } from "./entities.js";

let keys = 0;
const op = (operation: string) => ({ operation, key: `trip-${++keys}` });

describe.skipIf(unavailable("postgres") !== undefined)(
  "round trips on PostgreSQL, counted on the wire",
  () => {
    let database: TestDatabase;
    let proxy: FaultProxy;
    let id: number;
    let accounts: Repository<Account> & Idempotency<Account>;
    let standing = 0;

    beforeAll(async () => {
      database = await openDatabase("postgres");
      const { url = "" } = database.dataSource.options as { readonly url?: string };
      proxy = await startProxy(targetOf(url));
      const dataSource = await database.another({ url: throughProxy(url, proxy), poolSize: 1 });
      accounts = withIdempotency(dataSource.getRepository(Account));
      id = (await accounts.save({ email: "trip@example.org" })).id;
    });
    afterAll(async () => {
      await database?.close();
      await proxy?.close();
    });

    async function tripsOf(run: () => Promise<{ readonly status: string }>): Promise<[string, number]> {
      proxy.resetCounters();
      const { status } = await run();
      return [status, proxy.roundTrips()];
    }

    it.each([
      ["insert", (key: object) => bound(key).insert({ email: "trip-insert@example.org" })],
      ["upsert", (key: object) => bound(key).upsert({ email: "trip@example.org", status: "u" }, ["email"])],
      ["update", (key: object) => bound(key).update(id, { status: "x" })],
      ["compare-and-set", (key: object) => bound(key).update({ id, version: standing }, { status: "y" })],
      ["increment", (key: object) => bound(key).increment({ id }, "balance", 1)],
      ["decrement", (key: object) => bound(key).decrement({ id }, "balance", 1)],
      ["save", (key: object) => bound(key).save({ id, version: standing, status: "z" })],
      ["softDelete", (key: object) => bound(key).softDelete(id)],
      ["restore", (key: object) => bound(key).restore(id)],
      ["delete", (key: object) => bound(key).delete({ email: "trip-insert@example.org" })],
    ])("%s is one, and its replay as well", async (name, write) => {
      const row = await accounts.findOne({ where: { id }, withDeleted: true });
      standing = row?.version ?? 0;
      const key = op(name);
      expect(await tripsOf(() => write(key))).toStrictEqual(["executed", 1]);
      expect(await tripsOf(() => write(key))).toStrictEqual(["replayed", 1]);
    });

    function bound(key: object) {
      return accounts.operation(key as ReturnType<typeof op>);
    }

    it("once takes two beside its work's own, and its replay one", async () => {
      const key = op("once");
      const work = () => accounts.once(key, (manager) => manager.query("SELECT 1"));
      expect(await tripsOf(work)).toStrictEqual(["executed", 3]);
      expect(await tripsOf(work)).toStrictEqual(["replayed", 1]);
    });

    it("a first attempt in another process's key is not known to be one, and takes one as well", async () => {
      const key = op("elsewhere");
      await withIdempotency(database.dataSource.getRepository(Account))
        .operation(key)
        .increment(id, "balance", 1);
      expect(await tripsOf(() => bound(key).increment(id, "balance", 1))).toStrictEqual(["replayed", 1]);
    });
  },
);
