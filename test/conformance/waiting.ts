import { expect } from "vitest";
import { OperationInProgressError } from "../../src/index.js";
import {
  account,
  addEffect,
  besideTest,
  crowdedTest,
  effects,
  elsewhere,
  gate,
  HOUR_MS,
  ledgerRows,
  patience,
  pauseMs,
  ref,
  refused,
  rowOf,
} from "./helpers.js";
import type { Cases, Concern } from "./target.js";

export const waiting: Concern = {
  name: "waiting",
  register: (cases) => {
    inThisProcess(cases);
    inAnother(cases);
    nested(cases);
  },
};

function inThisProcess({ test, target }: Cases): void {
  test("duplicates in one process: one runs, the others wait and replay", async (fixture) => {
    const op = ref("duplicate");
    const ledger = fixture.createLedger();
    const run = () =>
      ledger.once(op, async (tx) => {
        await tx.query(addEffect(op.key));
        await pauseMs(50);
        return "value";
      });
    const outcomes = await Promise.all(Array.from({ length: 20 }, run));
    expect(outcomes.filter(({ status }) => status === "executed")).toHaveLength(1);
    expect(new Set(outcomes.map(({ value }) => value))).toStrictEqual(new Set(["value"]));
    expect(await effects(fixture, op.key)).toBe(1);
  });

  test("duplicates in one process, and the first fails: the next in line runs", async (fixture) => {
    const op = ref("duplicate");
    const ledger = fixture.createLedger();
    let runs = 0;
    const run = () =>
      ledger.once(op, async (tx) => {
        runs += 1;
        await tx.query(addEffect(op.key));
        await pauseMs(20);
        if (runs < 3) throw new Error("declined");
        return runs;
      });
    const settled = await Promise.allSettled(Array.from({ length: 10 }, run));
    expect(settled.filter(({ status }) => status === "rejected")).toHaveLength(2);
    expect(runs).toBe(3);
    expect(await effects(fixture, op.key)).toBe(1);
  });

  test("a mismatch among duplicates in one process is refused, not replayed", async (fixture) => {
    const op = ref("duplicate");
    const ledger = fixture.createLedger();
    const first = ledger.once({ ...op, payload: 1 }, () => pauseMs(50));
    const other = ledger.once({ ...op, payload: 2 }, () => 2);
    await refused(other, "OPLEDGER_FINGERPRINT_MISMATCH");
    expect((await first).status).toBe("executed");
  });

  for (const waitMs of [0, 150]) {
    test(`a duplicate waits no longer than ${waitMs} ms for a run in this process`, async (fixture) => {
      const op = ref("slow");
      const ledger = fixture.createLedger({ waitMs });
      const { opened, open } = gate();
      const first = ledger.once(op, () => opened);
      await pauseMs(30);
      const patient = await patience(fixture, target.capabilities);
      const second = ledger.once(op, () => "second");
      const error = await refused(second, "OPLEDGER_IN_PROGRESS");
      expect(error).toBeInstanceOf(OperationInProgressError);
      expect((error as OperationInProgressError).retryAfterMs).toBeGreaterThan(0);
      expect(patient.waits()).toBe(true);
      await patient.over();
      open();
      expect((await first).status).toBe("executed");
      expect((await ledger.once(op, () => "third")).status).toBe("replayed");
    });
  }
}

function inAnother(cases: Cases): void {
  const { test, target } = cases;
  const beside = besideTest(cases);
  const crowded = crowdedTest(cases);
  for (const waitMs of [0, 250]) {
    beside(
      `a duplicate waits no longer than ${waitMs} ms for another process, whatever the write`,
      async (fixture) => {
        const id = await account(fixture);
        const [op, up] = [ref("held"), ref("held")];
        const holder = await fixture.begin();
        await holder.ledger().once(op, async (tx) => void (await tx.query(addEffect(op.key))));
        await holder
          .ledger()
          .operation(up)
          .increment({ table: "accounts", where: { id }, by: { balance: 1 } });
        const ledger = fixture.createLedger({ waitMs });
        for (const attempt of [
          () => ledger.once(op, () => "mine"),
          () => ledger.operation(up).increment({ table: "accounts", where: { id }, by: { balance: 1 } }),
          () =>
            ledger.operation(ref("row")).update({ table: "accounts", where: { id }, set: { status: "x" } }),
        ]) {
          const patient = await patience(fixture, target.capabilities);
          const error = await refused(attempt(), "OPLEDGER_IN_PROGRESS");
          expect(patient.waits()).toBe(true);
          await patient.over();
          expect(error).toMatchObject({ retryable: true });
        }
        await holder.commit();
        expect((await ledger.once(op, () => "mine")).status).toBe("replayed");
        expect(Number((await rowOf(fixture, "accounts", id))?.balance)).toBe(101);
      },
    );
  }

  test("a duplicate that waits for another process gets its result once that commits", async (fixture) => {
    const op = ref("held");
    const holder = await fixture.begin();
    await holder.ledger().once(op, () => "held");
    const waiter = fixture.createLedger().once(op, () => "mine");
    await pauseMs(100);
    await holder.commit();
    expect(await waiter).toStrictEqual({ status: "replayed", value: "held" });
  });

  test("a duplicate that waits for another process runs once that rolls back", async (fixture) => {
    const op = ref("held");
    const holder = await fixture.begin();
    await holder.ledger().once(op, () => "held");
    const waiter = fixture.createLedger().once(op, () => "mine");
    await pauseMs(100);
    await holder.rollback();
    expect(await waiter).toStrictEqual({ status: "executed", value: "mine" });
    expect(await ledgerRows(fixture, op)).toBe(1);
  });

  crowded(
    "the wait for a claim bounds nothing else: work may wait for its own locks as long as it likes",
    async (fixture) => {
      const id = await account(fixture);
      const holder = await fixture.begin();
      await holder.query(`UPDATE accounts SET status = 'held' WHERE id = ${id}`);
      const waiter = fixture.createLedger({ waitMs: 100 }).once(ref("own lock"), async (tx) => {
        await tx.query(`UPDATE accounts SET status = 'mine' WHERE id = ${id}`);
      });
      await pauseMs(400);
      await holder.commit();
      expect((await waiter).status).toBe("executed");
    },
  );

  beside(
    "an expired key that another process is taking over is waited for no longer than waitMs",
    async (fixture) => {
      const [op, up] = [ref("expired", { retentionMs: 1 }), ref("expired", { retentionMs: 1 })];
      const write = { into: "entries", values: { note: up.key } };
      await fixture.createLedger().once(op, () => "old");
      await fixture.createLedger().operation(up).insert(write);
      await pauseMs(10);
      const holder = await fixture.begin();
      await holder.ledger().once({ ...op, retentionMs: HOUR_MS }, () => "new");
      await holder
        .ledger()
        .operation({ ...up, retentionMs: HOUR_MS })
        .insert(write);
      try {
        await elsewhere(fixture, { waitMs: 200, responseMs: 3_000 }, async (ledger) => {
          for (const attempt of [
            () => ledger.once(op, () => "mine"),
            () => ledger.operation(up).insert(write),
          ]) {
            const patient = await patience(fixture, target.capabilities);
            await refused(attempt(), "OPLEDGER_IN_PROGRESS");
            expect(patient.waits()).toBe(true);
            await patient.over();
          }
        });
      } finally {
        await holder.commit();
      }
      expect((await fixture.createLedger().once(op, () => "mine")).value).toBe("new");
    },
  );
}

function nested(cases: Cases): void {
  const { test, target } = cases;
  const beside = besideTest(cases);
  test("the same operation inside itself is bounded, and typed", async (fixture) => {
    const op = ref("nested");
    const ledger = fixture.createLedger({ waitMs: 200, responseMs: 500 });
    const patient = await patience(fixture, target.capabilities);
    const outer = ledger.once(op, async (tx) => {
      await tx.query(addEffect(op.key));
      return ledger.once(op, () => "inner");
    });
    await refused(outer, "OPLEDGER_IN_PROGRESS");
    expect(patient.waits()).toBe(true);
    await patient.over();
    expect([await effects(fixture, op.key), await ledgerRows(fixture, op)]).toStrictEqual([0, 0]);
  });

  beside(
    "the same bound operation inside a once of its key, on another connection, is bounded and typed",
    async (fixture) => {
      const op = ref("nested");
      await elsewhere(fixture, { waitMs: 200 }, async (other) => {
        const outer = fixture.createLedger().once(op, async () => {
          await other.operation(op).insert({ into: "entries", values: { note: op.key } });
        });
        await refused(outer, "OPLEDGER_IN_PROGRESS");
      });
      expect(await ledgerRows(fixture, op)).toBe(0);
    },
  );
}
