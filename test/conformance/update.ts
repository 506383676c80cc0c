import { expect } from "vitest";
import { account, ledgerRows, ownError, ref, refused, rowOf, twice, uniqueId } from "./helpers.js";
import type { Cases, Concern } from "./target.js";

export const update: Concern = {
  name: "update",
  register: (cases) => {
    effects(cases);
    refusals(cases);
  },
};

function effects({ test }: Cases): void {
  test("sets once; a replay tells the first outcome though the row has changed since", async (fixture) => {
    const id = await account(fixture);
    const op = ref("update");
    const run = () =>
      fixture
        .createLedger()
        .operation(op)
        .update({ table: "accounts", where: { id }, set: { status: "closed" } });
    const { first } = await twice(run);
    expect(first).toMatchObject({ effect: "updated", value: { id, status: "closed" } });
    await fixture.query(`UPDATE accounts SET status = 'reopened' WHERE id = ${id}`);
    expect(await run()).toStrictEqual({ ...first, status: "replayed" });
    expect(await rowOf(fixture, "accounts", id)).toMatchObject({ status: "reopened" });
    expect(await ledgerRows(fixture, op)).toBe(1);
  });

  test("a `where` that mentions a column which the update changes", async (fixture) => {
    const id = await account(fixture);
    const ledger = fixture.createLedger();
    const write = { table: "accounts", where: { id, status: "open" }, set: { status: "closed" } };
    const { first } = await twice(() => ledger.operation(ref("where", { key: `w-${id}` })).update(write));
    expect(first.value.status).toBe("closed");
    const late = ref("late");
    await refused(ledger.operation(late).update(write), "OPLEDGER_ROW_NOT_FOUND");
    expect(await ledgerRows(fixture, late)).toBe(0);
  });

  test("a `where` with null matches NULL, and null is not a wildcard", async (fixture) => {
    const id = await account(fixture);
    const ledger = fixture.createLedger();
    const write = { table: "accounts", where: { id, owner: null }, set: { owner: "me" } };
    const { first } = await twice(() => ledger.operation(ref("null", { key: `n-${id}` })).update(write));
    expect(first.value.owner).toBe("me");
    await refused(ledger.operation(ref("null")).update(write), "OPLEDGER_ROW_NOT_FOUND");
    const back = { table: "accounts", where: { owner: "me", id }, set: { owner: null, status: "x" } };
    expect((await ledger.operation(ref("null")).update(back)).value).toMatchObject({
      owner: null,
      status: "x",
    });
  });

  test("null and a value in the same column of `where` do not share a statement", async (fixture) => {
    const [one, two] = [await account(fixture), await account(fixture)];
    await fixture.query(`UPDATE accounts SET owner = 'x' WHERE id = ${two}`);
    const ledger = fixture.createLedger();
    const set = { status: "seen" };
    for (const where of [
      { id: one, owner: null },
      { id: two, owner: "x" },
      { id: one, owner: null },
    ]) {
      const made = await ledger.operation(ref("mix")).update({ table: "accounts", where, set });
      expect(made.value).toMatchObject(where);
    }
  });

  test("sets null, a decimal as text, and several columns at once; returning limits", async (fixture) => {
    const id = await account(fixture);
    const op = ref("set");
    const write = {
      table: "accounts",
      where: { id },
      set: { status: null, credit: "12.25", balance: 2n ** 53n + 1n },
      returning: ["credit", "balance", "status"],
    };
    const { first } = await twice(() => fixture.createLedger().operation(op).update(write));
    expect(
      Object.entries(first.value).map(([name, value]) => [name, value === null ? null : String(value)]),
    ).toStrictEqual([
      ["credit", "12.25"],
      ["balance", "9007199254740993"],
      ["status", null],
    ]);
  });

  test("BEFORE triggers and generated columns show", async (fixture) => {
    const id = uniqueId();
    const ledger = fixture.createLedger();
    await fixture.query(`INSERT INTO stamped (id, name) VALUES (${id}, 'a')`);
    await fixture.query(`INSERT INTO computed (id, base) VALUES (${id}, 1)`);
    const stamped = await ledger
      .operation(ref("t"))
      .update({ table: "stamped", where: { id }, set: { name: "b" } });
    expect(stamped.value.stamp).toBe("stamped:b");
    const computed = await ledger
      .operation(ref("t"))
      .update({ table: "computed", where: { id }, set: { base: 4 } });
    expect(computed.value.doubled).toBe(8);
  });
}

function refusals({ test }: Cases): void {
  test("a row that is not there: not recorded, and the same key works once it is", async (fixture) => {
    const id = uniqueId();
    const op = ref("missing");
    const write = { table: "accounts", where: { id }, set: { status: "closed" } };
    const error = await refused(fixture.createLedger().operation(op).update(write), "OPLEDGER_ROW_NOT_FOUND");
    expect(error).toMatchObject({ retryable: true, operation: { operation: "missing" } });
    expect(await ledgerRows(fixture, op)).toBe(0);
    await fixture.query(`INSERT INTO accounts (id, status) VALUES (${id}, 'open')`);
    expect((await fixture.createLedger().operation(op).update(write)).status).toBe("executed");
  });

  test("a `where` that matches several rows is a mistake, and changes none", async (fixture) => {
    const [one, two] = [await account(fixture), await account(fixture)];
    const owner = `owner-${one}`;
    await fixture.query(`UPDATE accounts SET owner = '${owner}' WHERE id IN (${one}, ${two})`);
    const op = ref("many");
    const attempt = fixture
      .createLedger()
      .operation(op)
      .update({ table: "accounts", where: { owner }, set: { status: "closed" } });
    expect(await ownError(attempt)).toBeInstanceOf(TypeError);
    expect(await rowOf(fixture, "accounts", one)).toMatchObject({ status: "open" });
    expect(await ledgerRows(fixture, op)).toBe(0);
  });

  test("a CHECK violation is the caller's own", async (fixture) => {
    const id = uniqueId();
    const op = ref("check");
    await fixture.query(`INSERT INTO checked VALUES (${id}, 1)`);
    const write = { table: "checked", where: { id }, set: { amount: -1 } };
    expect(fixture.violation(await ownError(fixture.createLedger().operation(op).update(write)))).toBe(
      "check",
    );
    expect(await ledgerRows(fixture, op)).toBe(0);
  });

  test("other arguments under the same key are a mismatch and change nothing", async (fixture) => {
    const id = await account(fixture);
    const op = ref("mismatch");
    const ledger = fixture.createLedger();
    const write = { table: "accounts", where: { id }, set: { status: "a" } };
    await ledger.operation(op).update(write);
    for (const other of [
      { ...write, set: { status: "b" } },
      { ...write, where: { id, status: "a" } },
      { ...write, version: 1 },
      { ...write, set: { status: "a", owner: null } },
    ]) {
      await refused(ledger.operation(op).update(other), "OPLEDGER_FINGERPRINT_MISMATCH");
    }
    expect(await rowOf(fixture, "accounts", id)).toMatchObject({ status: "a", version: 1 });
  });
}
