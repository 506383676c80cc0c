import { expect } from "vitest";
import { statuses, tagged, topUp } from "./batch.js";
import {
  account,
  addEffect,
  besideTest,
  crowdedTest,
  effects,
  elsewhere,
  ledgerRows,
  ownError,
  ref,
  refused,
  rowOf,
  testWhere,
  thrown,
  unique,
} from "./helpers.js";
import type { Cases, Concern } from "./target.js";

export const within: Concern = {
  name: "within",
  register: (cases) => {
    if (!cases.target.capabilities.within) {
      cases.skip("joining a transaction", "this client cannot join a transaction of the caller's");
      return;
    }
    joining(cases);
    failing(cases);
    nesting(cases);
  },
};

function joining(cases: Cases): void {
  const { test } = cases;
  const beside = besideTest(cases);
  const crowded = crowdedTest(cases);
  beside("what is joined commits with the caller's transaction, and only then", async (fixture) => {
    const [one, two] = [ref("joined"), ref("joined")];
    const tx = await fixture.begin();
    const ledger = tx.ledger();
    await tx.query(addEffect(`${one.key}-own`));
    const first = await ledger.once(one, async (work) => void (await work.query(addEffect(one.key))));
    const second = await ledger.operation(two).insert({ into: "entries", values: { note: two.key } });
    expect([first.status, second.status]).toStrictEqual(["executed", "executed"]);
    expect((await ledger.once(one, () => {})).status).toBe("replayed");
    expect(await ledgerRows(fixture, one)).toBe(0);
    await tx.commit();
    expect([await ledgerRows(fixture, one), await ledgerRows(fixture, two)]).toStrictEqual([1, 1]);
    expect([await effects(fixture, one.key), await effects(fixture, `${one.key}-own`)]).toStrictEqual([1, 1]);
    expect((await fixture.createLedger().once(one, () => {})).status).toBe("replayed");
  });

  test("what is joined goes with the caller's rollback, and the keys are retryable", async (fixture) => {
    const op = ref("joined");
    const tx = await fixture.begin();
    await tx.ledger().once(op, async (work) => void (await work.query(addEffect(op.key))));
    await tx.rollback();
    expect([await effects(fixture, op.key), await ledgerRows(fixture, op)]).toStrictEqual([0, 0]);
    expect((await fixture.createLedger().once(op, () => 1)).status).toBe("executed");
  });

  beside("batches join as well", async (fixture) => {
    const id = await account(fixture, 0);
    const tag = unique("tag");
    const tx = await fixture.begin();
    const made = await tx.ledger().incrementMany([topUp(id, 1), topUp(id, 2)]);
    const op = ref("joined");
    await tx.ledger().insertMany([{ ...op, into: "entries", values: { tag } }]);
    expect(statuses(made)).toStrictEqual(["executed", "executed"]);
    expect(await tagged(fixture, tag)).toBe(0);
    await tx.commit();
    expect(await tagged(fixture, tag)).toBe(1);
    expect(Number((await rowOf(fixture, "accounts", id))?.balance)).toBe(3);
  });

  for (const waitMs of [0, 700]) {
    crowded(
      `the caller's own settings are as before: the ledger waits ${waitMs} ms, the caller as long as it likes`,
      async (fixture) => {
        const id = await account(fixture);
        const other = await account(fixture);
        const tx = await fixture.begin();
        await tx
          .ledger({ waitMs })
          .operation(ref("settings"))
          .update({ table: "accounts", where: { id }, set: { status: "x" } });
        await tx.ledger({ waitMs }).once(ref("settings"), () => 1);
        const holder = await fixture.begin();
        await holder.query(`UPDATE accounts SET status = 'held' WHERE id = ${other}`);
        const waiting = tx.query(`UPDATE accounts SET status = 'mine' WHERE id = ${other}`).then(
          () => "done",
          (error: unknown) => String(error),
        );
        setTimeout(() => void holder.commit(), waitMs + 500);
        expect(await waiting).toBe("done");
        await tx.commit();
      },
    );
  }
}

function failing(cases: Cases): void {
  const { test, target } = cases;
  const beside = besideTest(cases);
  const noticing = testWhere(
    cases,
    target.capabilities.noticesOver,
    "a savepoint outside of a transaction begins one, and no statement tells",
  );
  test("a call that fails leaves the caller's transaction usable", async (fixture) => {
    const id = await account(fixture, 0);
    const [bad, good, clash, missing] = [ref("bad"), ref("good"), ref("clash"), ref("missing")];
    const error = new Error("declined");
    const tx = await fixture.begin();
    const ledger = tx.ledger();
    const failed = ledger.once(bad, async (work) => {
      await work.query(addEffect(bad.key));
      throw error;
    });
    expect(await thrown(failed)).toBe(error);
    const duplicate = ledger.operation(clash).insert({ into: "accounts", values: { id } });
    expect(fixture.violation(await ownError(duplicate))).toBe("unique");
    const gone = ledger
      .operation(missing)
      .update({ table: "accounts", where: { id: -1 }, set: { status: "x" } });
    await refused(gone, "OPLEDGER_ROW_NOT_FOUND");
    const swallowed = ledger.once(ref("swallowed"), (work) =>
      work.query("SELECT * FROM no_such_table").catch(() => "swallowed"),
    );
    if (target.capabilities.failedStatement === "aborts") await refused(swallowed, "OPLEDGER_ROLLED_BACK");
    else expect(await swallowed).toStrictEqual({ status: "executed", value: "swallowed" });
    const nowhere = ledger.operation(ref("nowhere")).delete({ from: "no_such_table", where: { id } });
    expect(fixture.violation(await ownError(nowhere))).toBe("missing-table");
    await ledger.once(good, async (work) => void (await work.query(addEffect(good.key))));
    await tx.commit();
    expect([await effects(fixture, bad.key), await effects(fixture, good.key)]).toStrictEqual([0, 1]);
    expect([
      await ledgerRows(fixture, bad),
      await ledgerRows(fixture, good),
      await ledgerRows(fixture, clash),
    ]).toStrictEqual([0, 1, 0]);
  });

  noticing("a transaction that is over, or was never begun, is not joined", async (fixture) => {
    const op = ref("over");
    const tx = await fixture.begin();
    await tx.query("ROLLBACK");
    expect(await ownError(tx.ledger().once(op, (work) => work.query(addEffect(op.key))))).toBeInstanceOf(
      TypeError,
    );
    const insert = tx
      .ledger()
      .operation(op)
      .insert({ into: "entries", values: { note: op.key } });
    expect(await ownError(insert)).toBeInstanceOf(TypeError);
    await tx.rollback();
    expect([await effects(fixture, op.key), await ledgerRows(fixture, op)]).toStrictEqual([0, 0]);
  });

  test("the isolation level is the caller's, and asking for another is a mistake", async (fixture) => {
    const tx = await fixture.begin();
    const attempt = tx.ledger().once(ref("level"), () => 1, { isolationLevel: "serializable" });
    expect(await thrown(attempt)).toBeInstanceOf(TypeError);
    await tx.rollback();
  });

  beside(
    "what another transaction committed since this one's snapshot is never executed again",
    async (fixture) => {
      const op = ref("snapshot");
      const tx = await fixture.begin("repeatable read");
      await tx.query("SELECT count(*) FROM effects");
      await elsewhere(fixture, {}, (ledger) =>
        ledger.once(op, async (work) => void (await work.query(addEffect(op.key)))),
      );
      const late = tx.ledger().once(op, async (work) => void (await work.query(addEffect(op.key))));
      if (target.capabilities.beyondSnapshot === "refused") {
        expect((await refused(late, "OPLEDGER_ROLLED_BACK")).retryable).toBe(true);
      } else {
        expect((await late).status).toBe("replayed");
      }
      await tx.rollback();
      expect(await effects(fixture, op.key)).toBe(1);
    },
  );
}

function nesting({ test }: Cases): void {
  test("once inside once, with another key, by joining the work's handle", async (fixture) => {
    const [outer, inner] = [ref("outer"), ref("inner")];
    const run = () =>
      fixture.createLedger({ waitMs: 500, responseMs: 500 }).once(outer, async (tx) => {
        await tx.query(addEffect(outer.key));
        const nested = await tx.within({ waitMs: 500, responseMs: 500 }).once(inner, async (work) => {
          await work.query(addEffect(inner.key));
          return "inner";
        });
        return nested;
      });
    const first = await run();
    expect(first).toStrictEqual({ status: "executed", value: { status: "executed", value: "inner" } });
    expect(await run()).toStrictEqual({ ...first, status: "replayed" });
    expect([await effects(fixture, outer.key), await effects(fixture, inner.key)]).toStrictEqual([1, 1]);
    expect([await ledgerRows(fixture, outer), await ledgerRows(fixture, inner)]).toStrictEqual([1, 1]);
  });

  test("a bound write inside once, by joining the work's handle; a failing outer takes it along", async (fixture) => {
    const [outer, inner] = [ref("outer"), ref("inner")];
    const ledger = fixture.createLedger({ waitMs: 500, responseMs: 500 });
    const write = { into: "entries", values: { tag: inner.key } };
    const failed = ledger.once(outer, async (tx) => {
      await tx.within({ waitMs: 500 }).operation(inner).insert(write);
      throw new Error("outer failed");
    });
    expect(String(await thrown(failed))).toContain("outer failed");
    expect([await tagged(fixture, inner.key), await ledgerRows(fixture, inner)]).toStrictEqual([0, 0]);
    await ledger.once(outer, async (tx) => void (await tx.within().operation(inner).insert(write)));
    expect([await tagged(fixture, inner.key), await ledgerRows(fixture, inner)]).toStrictEqual([1, 1]);
  });

  test("once inside a joined once, on the caller's own transaction", async (fixture) => {
    const [outer, inner] = [ref("outer"), ref("inner")];
    const tx = await fixture.begin();
    const ledger = tx.ledger({ waitMs: 300, responseMs: 300 });
    const made = await ledger.once(outer, async () => {
      const nested = await ledger.once(inner, async (work) => void (await work.query(addEffect(inner.key))));
      return nested.status;
    });
    expect(made).toStrictEqual({ status: "executed", value: "executed" });
    await tx.commit();
    expect(await effects(fixture, inner.key)).toBe(1);
  });
}
