import { expect } from "vitest";
import type { InsertArgs, OperationRef } from "../../src/index.js";
import { balance, replays, statuses, topUp } from "./batch.js";
import { account, count, ledgerRows, ownError, ref, thrown, unique, uniqueId } from "./helpers.js";
import { WEIRD } from "./tables.js";
import type { Cases, Concern, Fixture } from "./target.js";

export const batchEdges: Concern = {
  name: "batch, at its edges",
  register: (cases) => {
    if (!cases.target.capabilities.batches) {
      cases.skip("batches", "this client × engine has no batches");
      return;
    }
    values(cases);
    agreement(cases);
    shapes(cases);
  },
};

function insertOf(
  into: string,
  given: InsertArgs["values"],
  more: Partial<InsertArgs> = {},
): OperationRef & InsertArgs {
  return { ...ref("batch"), into, values: given, ...more };
}

function samplesOf(fixture: Fixture): Record<string, unknown> {
  return Object.fromEntries(fixture.samples.map(({ column, value }) => [column, value]));
}

function values({ test, target }: Cases): void {
  test("null, JSON, arrays, bytes: every sample goes through a batch as through a single write", async (fixture) => {
    const ledger = fixture.createLedger();
    const wrong: string[] = [];
    for (const { column, value } of fixture.samples) {
      // Documented: text that is a JSON string or null stays text in a batch, since most columns mean it so.
      if (column === "doc_null" || column === "doc_string") continue;
      // A payload, since not every value that a column takes has a fingerprint of its own.
      const one = {
        ...insertOf("samples", { id: uniqueId(), [column]: value }, { returning: [column] }),
        payload: column,
      };
      const many = {
        ...insertOf("samples", { id: uniqueId(), [column]: value }, { returning: [column] }),
        payload: column,
      };
      const { operation, key, payload, ...write } = one;
      const single = await ledger.operation({ operation, key, payload }).insert(write);
      const [batched] = await ledger.insertMany([many]).catch((error: unknown) => [{ value: String(error) }]);
      try {
        expect(batched).toStrictEqual(single);
      } catch {
        wrong.push(`${column}: ${JSON.stringify(batched)} instead of ${JSON.stringify(single)}`);
      }
    }
    expect(wrong).toStrictEqual([]);
  });

  test("a batch of rows with every sample replays to the last value", async (fixture) => {
    const ledger = fixture.createLedger();
    const batchOf = [1, 2].map(() => ({
      ...insertOf("samples", { id: uniqueId(), ...samplesOf(fixture) }),
      payload: "all",
    }));
    const first = await ledger.insertMany(batchOf);
    expect(statuses(first)).toStrictEqual(["executed", "executed"]);
    expect(await ledger.insertMany(batchOf)).toStrictEqual(replays(first));
  });

  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, new Date(Number.NaN)]) {
    test(`${String(value)} never becomes NULL on the way`, async (fixture) => {
      const id = uniqueId();
      const column = value instanceof Date ? "at" : "real8";
      const op = { ...insertOf("samples", { id, [column]: value }), payload: "explicit" };
      await fixture
        .createLedger()
        .insertMany([op])
        .catch(() => {});
      expect(await count(fixture, "samples", `id = ${id} AND ${column} IS NULL`)).toBe(0);
    });
  }

  test("rows of nothing but defaults", async (fixture) => {
    const ledger = fixture.createLedger();
    const before = await count(fixture, "defaults_only", "1 = 1");
    const batchOf = [insertOf("defaults_only", {}), insertOf("defaults_only", {})];
    const first = await ledger.insertMany(batchOf);
    const value = { flag: target.capabilities.booleans === "boolean" ? true : 1 };
    expect(first).toMatchObject([{ value }, { value }]);
    expect(await ledger.insertMany(batchOf)).toStrictEqual(replays(first));
    expect(await count(fixture, "defaults_only", "1 = 1")).toBe(before + 2);
  });

  test("a natural key that is NULL is refused before anything is sent", async (fixture) => {
    const a = unique("a");
    const batchOf = [uniqueId(), uniqueId()].map((id) =>
      insertOf("pairs", { id, a, b: null }, { conflict: ["a", "b"] }),
    );
    expect(await thrown(fixture.createLedger().insertMany(batchOf))).toBeInstanceOf(TypeError);
    expect(await count(fixture, "pairs", `a = '${a}'`)).toBe(0);
  });

  const { rewrittenKey } = target.capabilities;
  test("a natural key that a trigger rewrites: told as it is, or refused, and leaves nothing", async (fixture) => {
    const ledger = fixture.createLedger();
    const email = `${unique("MAIL")}@EXAMPLE.COM`;
    const op = insertOf("lowered", { email }, { conflict: ["email"] });
    const { operation, key, ...write } = op;
    const kept = async (): Promise<readonly number[]> => [
      await count(fixture, "lowered", `email = '${email.toLowerCase()}'`),
      await ledgerRows(fixture, op),
    ];
    if (rewrittenKey.batch) {
      const [made] = await ledger.insertMany([op]);
      expect(made).toMatchObject({ status: "executed", value: { email: email.toLowerCase() } });
      expect(await kept()).toStrictEqual([1, 1]);
      return;
    }
    expect(await thrown(ledger.insertMany([op]))).toBeInstanceOf(TypeError);
    expect(await kept()).toStrictEqual([0, 0]);
    const single = ledger.operation({ operation, key }).insert(write);
    if (rewrittenKey.single) {
      expect((await single).status).toBe("executed");
      expect(await kept()).toStrictEqual([1, 1]);
      return;
    }
    expect(await thrown(single)).toBeInstanceOf(TypeError);
    expect(await kept()).toStrictEqual([0, 0]);
  });
}

function agreement(cases: Cases): void {
  const { test } = cases;
  test("BEFORE triggers and generated columns show in a batch", async (fixture) => {
    const ledger = fixture.createLedger();
    const ids = [uniqueId(), uniqueId()];
    const stamped = ids.map((id) => insertOf("stamped", { id, name: `n${id}` }));
    const first = await ledger.insertMany(stamped);
    expect(first).toMatchObject(ids.map((id) => ({ value: { id, stamp: `stamped:n${id}` } })));
    expect(await ledger.insertMany(stamped)).toStrictEqual(replays(first));
    const computed = await ledger.insertMany(ids.map((id) => insertOf("computed", { id, base: id })));
    expect(computed).toMatchObject(ids.map((id) => ({ value: { doubled: 2 * id } })));
  });

  test("a `where` that matches several rows is a mistake, and adds nothing", async (fixture) => {
    const ids = [await account(fixture, 1), await account(fixture, 1)];
    const owner = unique("owner");
    await fixture.query(`UPDATE accounts SET owner = '${owner}' WHERE id IN (${ids.join(", ")})`);
    const op = topUp(0, 5, { where: { owner } });
    expect(await thrown(fixture.createLedger().incrementMany([op]))).toBeInstanceOf(TypeError);
    expect(await balance(fixture, ids[0] ?? 0)).toBe(1);
    expect(await ledgerRows(fixture, op)).toBe(0);
  });

  test("a column both in `where` and in `by` is refused before anything is sent", async (fixture) => {
    const id = await account(fixture, 10);
    const both = topUp(id, 5, { where: { id, balance: 10 } });
    expect(await thrown(fixture.createLedger().incrementMany([both]))).toBeInstanceOf(TypeError);
    expect(await balance(fixture, id)).toBe(10);
  });

  test("an overflow is the caller's own error, and leaves nothing", async (fixture) => {
    const id = await account(fixture, 1);
    const op = topUp(id, 2n ** 63n - 1n);
    const error = await ownError(fixture.createLedger().incrementMany([topUp(id, 1), op]));
    expect(fixture.violation(error)).toBe("too-big");
    expect(await balance(fixture, id)).toBe(1);
    expect(await ledgerRows(fixture, op)).toBe(0);
  });
}

function shapes({ test }: Cases): void {
  test("a column named position", async (fixture) => {
    const ids = [uniqueId(), uniqueId()];
    const ledger = fixture.createLedger();
    const made = await ledger.insertMany(ids.map((id) => insertOf("spare", { id, position: 1, n: 0 })));
    expect(statuses(made)).toStrictEqual(["executed", "executed"]);
    const moved = await ledger.incrementMany(
      ids.map((id) => ({ ...ref("batch"), table: "spare", where: { id }, by: { position: 2 } })),
    );
    expect(moved).toMatchObject(ids.map(() => ({ status: "executed", value: { position: 3 } })));
  });

  test("names that only quoting keeps whole", async (fixture) => {
    const ledger = fixture.createLedger();
    const ids = [uniqueId(), uniqueId()];
    const given = (id: number) => ({ [WEIRD.id]: id, [WEIRD.text]: "x", [WEIRD.number]: 1n });
    const first = await ledger.insertMany(
      ids.map((id) => insertOf(WEIRD.table, given(id), { conflict: [WEIRD.id] })),
    );
    expect(statuses(first)).toStrictEqual(["executed", "executed"]);
    const added = await ledger.incrementMany(
      ids.map((id) => ({
        ...ref("batch"),
        table: WEIRD.table,
        where: { [WEIRD.id]: id },
        by: { [WEIRD.number]: 2 },
      })),
    );
    expect(
      added.map((outcome) => outcome.status !== "refused" && Number(outcome.value[WEIRD.number])),
    ).toStrictEqual([3, 3]);
  });

  test("a table in another schema", async (fixture) => {
    const ledger = fixture.createLedger();
    const table = fixture.qualified("elsewhere");
    const ids = [uniqueId(), uniqueId()];
    expect(statuses(await ledger.insertMany(ids.map((id) => insertOf(table, { id, n: 1 }))))).toStrictEqual([
      "executed",
      "executed",
    ]);
    const made = await ledger.incrementMany(
      ids.map((id) => ({ ...ref("batch"), table, where: { id }, by: { n: 4 } })),
    );
    expect(made).toMatchObject(ids.map(() => ({ value: { n: 5 } })));
  });
}
