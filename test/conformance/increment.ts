import { expect } from "vitest";
import {
  account,
  INEXACT,
  ledgerRows,
  ownError,
  ref,
  refused,
  rowOf,
  testWhere,
  twice,
  uniqueId,
} from "./helpers.js";
import type { Concern } from "./target.js";

export const increment: Concern = {
  name: "increment",
  register: (cases) => {
    const { test } = cases;
    const exactTest = testWhere(cases, cases.target.capabilities.exactNumbers, INEXACT);
    test("adds once; a replay tells the first outcome though the row has changed since", async (fixture) => {
      const id = await account(fixture, 100);
      const op = ref("top up");
      const run = () =>
        fixture
          .createLedger()
          .operation(op)
          .increment({ table: "accounts", where: { id }, by: { balance: 50n } });
      const { first } = await twice(run);
      expect(first.effect).toBe("updated");
      expect(Number(first.value.balance)).toBe(150);
      await fixture
        .createLedger()
        .operation(ref("top up"))
        .increment({ table: "accounts", where: { id }, by: { balance: 1 } });
      expect(await run()).toStrictEqual({ ...first, status: "replayed" });
      expect(Number((await rowOf(fixture, "accounts", id))?.balance)).toBe(151);
      expect(await ledgerRows(fixture, op)).toBe(1);
    });

    for (const [amount, balance] of [
      [-30, "70"],
      [0, "100"],
      ["+7", "107"],
      [2n ** 60n, String(2n ** 60n + 100n)],
      [-(2n ** 62n), String(100n - 2n ** 62n)],
    ] as const) {
      test(`adds ${typeof amount} ${amount}`, async (fixture) => {
        const id = await account(fixture, 100);
        const write = { table: "accounts", where: { id }, by: { balance: amount } };
        const { first } = await twice(() =>
          fixture
            .createLedger()
            .operation(ref("add", { key: `add-${id}` }))
            .increment(write),
        );
        expect(String(first.value.balance)).toBe(balance);
      });
    }

    exactTest("adds decimals exactly, several columns at once", async (fixture) => {
      const id = await account(fixture, 1);
      const ledger = fixture.createLedger();
      for (let n = 0; n < 3; n++) {
        await ledger
          .operation(ref("cents"))
          .increment({ table: "accounts", where: { id }, by: { credit: "0.10", balance: 1, version: 1n } });
      }
      const row = await rowOf(fixture, "accounts", id);
      expect([row?.credit, row?.balance, row?.version].map(String)).toStrictEqual(["0.30", "4", "4"]);
    });

    test("a column that is NULL stays NULL, and that is the outcome", async (fixture) => {
      const id = uniqueId();
      await fixture.query(`INSERT INTO accounts (id) VALUES (${id})`);
      const op = ref("null");
      const write = { table: "accounts", where: { id }, by: { balance: 5 }, returning: ["balance"] };
      const { first } = await twice(() => fixture.createLedger().operation(op).increment(write));
      expect(first.value).toStrictEqual({ balance: null });
    });

    test("`where` may mention the column that is incremented, and null", async (fixture) => {
      const id = await account(fixture, 10);
      const op = ref("where");
      const write = { table: "accounts", where: { id, balance: 10, owner: null }, by: { balance: 5 } };
      const { first } = await twice(() => fixture.createLedger().operation(op).increment(write));
      expect(Number(first.value.balance)).toBe(15);
    });

    test("a row that is not there: not recorded, and the same key works once it is", async (fixture) => {
      const id = uniqueId();
      const op = ref("missing");
      const write = { table: "accounts", where: { id }, by: { balance: 5 } };
      await refused(fixture.createLedger().operation(op).increment(write), "OPLEDGER_ROW_NOT_FOUND");
      expect(await ledgerRows(fixture, op)).toBe(0);
      await fixture.query(`INSERT INTO accounts (id, balance) VALUES (${id}, 0)`);
      expect((await fixture.createLedger().operation(op).increment(write)).status).toBe("executed");
    });

    test("an overflow and a CHECK violation are the caller's own, and leave nothing", async (fixture) => {
      const ledger = fixture.createLedger();
      const id = await account(fixture, 1);
      const over = ref("overflow");
      const attempt = ledger
        .operation(over)
        .increment({ table: "accounts", where: { id }, by: { balance: 2n ** 63n - 1n } });
      expect(fixture.violation(await ownError(attempt))).toBe("too-big");
      expect(await ledgerRows(fixture, over)).toBe(0);
      expect(Number((await rowOf(fixture, "accounts", id))?.balance)).toBe(1);
      await fixture.query(`INSERT INTO checked VALUES (${id}, 1)`);
      const check = ref("check");
      const below = ledger
        .operation(check)
        .increment({ table: "checked", where: { id }, by: { amount: -2 } });
      expect(fixture.violation(await ownError(below))).toBe("check");
      expect(await ledgerRows(fixture, check)).toBe(0);
      expect(await rowOf(fixture, "checked", id)).toMatchObject({ amount: 1 });
    });

    test("a `where` that matches several rows is a mistake, and adds nothing", async (fixture) => {
      const [one, two] = [await account(fixture, 1), await account(fixture, 1)];
      const owner = `owner-${one}`;
      await fixture.query(`UPDATE accounts SET owner = '${owner}' WHERE id IN (${one}, ${two})`);
      const op = ref("many");
      const attempt = fixture
        .createLedger()
        .operation(op)
        .increment({ table: "accounts", where: { owner }, by: { balance: 1 } });
      expect(await ownError(attempt)).toBeInstanceOf(TypeError);
      expect(Number((await rowOf(fixture, "accounts", two))?.balance)).toBe(1);
      expect(await ledgerRows(fixture, op)).toBe(0);
    });

    test("amounts that are no numbers are refused before anything is sent", async (fixture) => {
      const ledger = fixture.createLedger();
      for (const amount of [
        Number.NaN,
        Number.POSITIVE_INFINITY,
        "",
        "1e5",
        "0x10",
        "1;",
        "1.",
        null,
        true,
        {},
      ]) {
        const by = { balance: amount as number };
        const attempt = ledger
          .operation(ref("amount"))
          .increment({ table: "accounts", where: { id: 1 }, by });
        expect(await ownError(attempt)).toBeInstanceOf(TypeError);
      }
    });
  },
};
