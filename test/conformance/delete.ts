import { expect } from "vitest";
import {
  account,
  count,
  ledgerRows,
  literal,
  ownError,
  ref,
  refused,
  rowOf,
  twice,
  unique,
  uniqueId,
} from "./helpers.js";
import type { Concern } from "./target.js";

export const deletes: Concern = {
  name: "delete",
  register: ({ test }) => {
    test("deletes once, gives the row back, and replays it though another one stands there", async (fixture) => {
      const id = uniqueId();
      const op = ref("delete");
      await fixture.query(`INSERT INTO carts VALUES (${id}, 'o', 'apple')`);
      const run = () => fixture.createLedger().operation(op).delete({ from: "carts", where: { id } });
      const { first } = await twice(run);
      expect(first).toStrictEqual({
        status: "executed",
        effect: "deleted",
        value: { id, owner: "o", item: "apple" },
      });
      await fixture.query(`INSERT INTO carts VALUES (${id}, 'o', 'pear')`);
      expect(await run()).toStrictEqual({ ...first, status: "replayed" });
      expect(await rowOf(fixture, "carts", id)).toMatchObject({ item: "pear" });
      expect(await ledgerRows(fixture, op)).toBe(1);
    });

    test("a row that is not there: unchanged, null, and recorded as such", async (fixture) => {
      const id = uniqueId();
      const op = ref("delete");
      const run = () => fixture.createLedger().operation(op).delete({ from: "carts", where: { id } });
      const { first } = await twice(run);
      expect(first).toStrictEqual({ status: "executed", effect: "unchanged", value: null });
      await fixture.query(`INSERT INTO carts VALUES (${id}, 'o', 'apple')`);
      expect(await run()).toStrictEqual({ ...first, status: "replayed" });
      expect(await rowOf(fixture, "carts", id)).toMatchObject({ item: "apple" });
    });

    test("a `where` with null, and returning", async (fixture) => {
      const id = uniqueId();
      await fixture.query(`INSERT INTO carts VALUES (${id}, NULL, 'apple')`);
      const ledger = fixture.createLedger();
      const missed = await ledger
        .operation(ref("delete"))
        .delete({ from: "carts", where: { id, item: null } });
      expect(missed.effect).toBe("unchanged");
      const op = ref("delete");
      const write = { from: "carts", where: { id, owner: null }, returning: ["item"] };
      const { first } = await twice(() => ledger.operation(op).delete(write));
      expect(first).toStrictEqual({ status: "executed", effect: "deleted", value: { item: "apple" } });
    });

    test("a `where` that matches several rows is a mistake, and removes none", async (fixture) => {
      const owner = unique("owner");
      await fixture.query(
        `INSERT INTO carts VALUES (${uniqueId()}, ${literal(owner)}, 'a'), (${uniqueId()}, ${literal(owner)}, 'b')`,
      );
      const op = ref("many");
      const attempt = fixture.createLedger().operation(op).delete({ from: "carts", where: { owner } });
      expect(await ownError(attempt)).toBeInstanceOf(TypeError);
      expect(await count(fixture, "carts", `owner = ${literal(owner)}`)).toBe(2);
      expect(await ledgerRows(fixture, op)).toBe(0);
    });

    test("another `where` under the same key is a mismatch and removes nothing", async (fixture) => {
      const [one, two] = [await account(fixture), await account(fixture)];
      const op = ref("delete");
      const ledger = fixture.createLedger();
      await ledger.operation(op).delete({ from: "accounts", where: { id: one } });
      await refused(
        ledger.operation(op).delete({ from: "accounts", where: { id: two } }),
        "OPLEDGER_FINGERPRINT_MISMATCH",
      );
      expect(await rowOf(fixture, "accounts", two)).toBeDefined();
    });
  },
};
