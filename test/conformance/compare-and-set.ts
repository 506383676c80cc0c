import { expect } from "vitest";
import { VersionConflictError } from "../../src/index.js";
import { account, ledgerRows, ownError, ref, refused, rowOf, twice, uniqueId } from "./helpers.js";
import type { Concern } from "./target.js";

export const compareAndSet: Concern = {
  name: "compare-and-set",
  register: ({ test }) => {
    test("applies at its version, bumps it, and replays though the version has moved on", async (fixture) => {
      const id = await account(fixture, 0, 3);
      const op = ref("cas");
      const write = { table: "accounts", where: { id }, version: 3, set: { status: "closed" } };
      const run = () => fixture.createLedger().operation(op).update(write);
      const { first } = await twice(run);
      expect(first).toMatchObject({ effect: "updated", value: { version: 4, status: "closed" } });
      await fixture.query(`UPDATE accounts SET version = 9 WHERE id = ${id}`);
      expect(await run()).toStrictEqual({ ...first, status: "replayed" });
      expect(await rowOf(fixture, "accounts", id)).toMatchObject({ version: 9 });
    });

    test("loses with expected and actual version, and is not recorded", async (fixture) => {
      const id = await account(fixture, 0, 5);
      const op = ref("cas");
      const write = { table: "accounts", where: { id }, version: 3, set: { status: "closed" } };
      const error = await refused(
        fixture.createLedger().operation(op).update(write),
        "OPLEDGER_VERSION_CONFLICT",
      );
      expect(error).toBeInstanceOf(VersionConflictError);
      expect(error).toMatchObject({ expected: 3, actual: 5, retryable: false });
      expect(await ledgerRows(fixture, op)).toBe(0);
      expect(await rowOf(fixture, "accounts", id)).toMatchObject({ status: "open", version: 5 });
      const retried = { ...write, version: 5 };
      expect((await fixture.createLedger().operation(ref("cas")).update(retried)).value.version).toBe(6);
    });

    test("a retry of the one that lost loses again, until the version is what it expects", async (fixture) => {
      const id = await account(fixture, 0, 1);
      const op = ref("cas");
      const ledger = fixture.createLedger();
      const write = { table: "accounts", where: { id }, version: 2, set: { status: "closed" } };
      await refused(ledger.operation(op).update(write), "OPLEDGER_VERSION_CONFLICT");
      await refused(ledger.operation(op).update(write), "OPLEDGER_VERSION_CONFLICT");
      await fixture.query(`UPDATE accounts SET version = 2 WHERE id = ${id}`);
      expect((await ledger.operation(op).update(write)).status).toBe("executed");
    });

    test("a row that is not there is not found, whatever the version", async (fixture) => {
      const op = ref("cas");
      const write = { table: "accounts", where: { id: uniqueId() }, version: 1, set: { status: "x" } };
      await refused(fixture.createLedger().operation(op).update(write), "OPLEDGER_ROW_NOT_FOUND");
      expect(await ledgerRows(fixture, op)).toBe(0);
    });

    test("a row without a version is there: that is a conflict, not a missing row", async (fixture) => {
      const id = uniqueId();
      await fixture.query(`INSERT INTO accounts (id, status) VALUES (${id}, 'open')`);
      const write = { table: "accounts", where: { id }, version: 1, set: { status: "x" } };
      const error = await ownOrConflict(fixture.createLedger().operation(ref("cas")).update(write));
      expect(error).toBe("OPLEDGER_VERSION_CONFLICT");
      expect(await rowOf(fixture, "accounts", id)).toMatchObject({ status: "open", version: null });
    });

    test("takes versions as bigint, beyond 2^53, in a column of another name", async (fixture) => {
      const version = 2n ** 53n + 1n;
      const id = uniqueId();
      await fixture.query(`INSERT INTO accounts (id, balance, version) VALUES (${id}, ${version}, 1)`);
      const write = { table: "accounts", where: { id }, versionColumn: "balance", set: { status: "x" } };
      const ledger = fixture.createLedger();
      const made = await ledger.operation(ref("cas")).update({ ...write, version });
      expect(String(made.value.balance)).toBe(String(version + 1n));
      const error = await refused(
        ledger.operation(ref("cas")).update({ ...write, version }),
        "OPLEDGER_VERSION_CONFLICT",
      );
      expect(error).toMatchObject({ expected: version, actual: version + 1n });
    });

    test("a `where` that mentions a column which the update changes", async (fixture) => {
      const id = await account(fixture, 0, 1);
      const op = ref("cas");
      const write = {
        table: "accounts",
        where: { id, status: "open" },
        version: 1,
        set: { status: "closed" },
      };
      await twice(() => fixture.createLedger().operation(op).update(write));
    });

    test("a `where` that matches several rows, none of them at the version, is a mistake", async (fixture) => {
      const [one, two] = [await account(fixture, 0, 1), await account(fixture, 0, 2)];
      const owner = `owner-${one}`;
      await fixture.query(`UPDATE accounts SET owner = '${owner}' WHERE id IN (${one}, ${two})`);
      const write = { table: "accounts", where: { owner }, version: 3, set: { status: "closed" } };
      const attempt = fixture.createLedger().operation(ref("many")).update(write);
      expect(await ownError(attempt)).toBeInstanceOf(TypeError);
      expect(await rowOf(fixture, "accounts", two)).toMatchObject({ status: "open", version: 2 });
    });

    test("the version column cannot be set, and a version must be whole", async (fixture) => {
      const ledger = fixture.createLedger();
      const write = { table: "accounts", where: { id: 1 }, set: { status: "x" } };
      for (const wrong of [
        { ...write, version: 1, set: { version: 7 } },
        { ...write, version: 1.5 },
        { ...write, version: Number.NaN },
        { ...write, version: 2 ** 53 },
      ]) {
        expect(await ownError(ledger.operation(ref("wrong")).update(wrong))).toBeInstanceOf(TypeError);
      }
    });
  },
};

async function ownOrConflict(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "executed",
    (error: { code?: unknown }) => error.code,
  );
}
