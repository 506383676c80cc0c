import { expect } from "vitest";
import type { SweepProgress } from "../../src/index.js";
import { entry, statuses, tagged } from "./batch.js";
import {
  account,
  addEffect,
  count,
  crowdedTest,
  effects,
  HOUR_MS,
  ledgerRows,
  literal,
  number,
  patience,
  pauseMs,
  ref,
  rowOf,
  thrown,
  unique,
} from "./helpers.js";
import type { Cases, Concern, Fixture } from "./target.js";

export const retention: Concern = {
  name: "retention",
  register: (cases) => {
    takeover(cases);
    sweeping(cases);
  },
};

async function leaveExpired(fixture: Fixture, operation: string, rows: number): Promise<void> {
  const ledger = fixture.createLedger({ retentionMs: 1 });
  for (let n = 0; n < rows; n++) await ledger.once(ref(operation), () => n);
  await pauseMs(10);
}

/** Rows of the case before this one may expire a moment after it. */
async function sweepAll(fixture: Fixture): Promise<void> {
  await pauseMs(20);
  await fixture.createLedger().sweep();
}

const rowsOf = (fixture: Fixture, operation: string) =>
  number(fixture, `SELECT count(*) FROM ${fixture.ledgerTable} WHERE operation = ${literal(operation)}`);

function takeover({ test, target }: Cases): void {
  test("an expired key is unseen again, whether or not it was swept: once", async (fixture) => {
    const op = ref("expired", { retentionMs: 1 });
    const run = (payload: number) =>
      fixture.createLedger().once({ ...op, payload }, async (tx) => {
        await tx.query(addEffect(op.key));
        return payload;
      });
    expect((await run(1)).status).toBe("executed");
    await pauseMs(10);
    expect((await fixture.createLedger().inspect(op))?.expired).toBe(true);
    expect(await run(2)).toStrictEqual({ status: "executed", value: 2 });
    await pauseMs(10);
    const kept = { ...op, payload: 3, retentionMs: HOUR_MS };
    await fixture.createLedger().once(kept, () => 3);
    expect((await fixture.createLedger().once(kept, () => 4)).value).toBe(3);
    expect(await effects(fixture, op.key)).toBe(2);
    expect(await ledgerRows(fixture, op)).toBe(1);
  });

  test("an expired key is unseen again: bound writes", async (fixture) => {
    const op = ref("expired", { retentionMs: 1 });
    const id = await account(fixture, 0);
    const run = (by: number) =>
      fixture
        .createLedger()
        .operation(op)
        .increment({ table: "accounts", where: { id }, by: { balance: by } });
    expect((await run(1)).status).toBe("executed");
    await pauseMs(10);
    expect((await run(10)).status).toBe("executed");
    await pauseMs(10);
    expect((await run(100)).status).toBe("executed");
    expect(Number((await rowOf(fixture, "accounts", id))?.balance)).toBe(111);
    expect(await ledgerRows(fixture, op)).toBe(1);
  });

  if (target.capabilities.batches) {
    test("an expired key is unseen again: batches, beside keys that are not", async (fixture) => {
      const tag = unique("tag");
      const ledger = fixture.createLedger();
      const [old, kept] = [entry(tag, { retentionMs: 1 }), entry(tag)];
      await ledger.insertMany([old, kept]);
      await pauseMs(10);
      expect(statuses(await ledger.insertMany([old, kept, entry(tag)]))).toStrictEqual([
        "executed",
        "replayed",
        "executed",
      ]);
      expect(await tagged(fixture, tag)).toBe(4);
      expect(await ledgerRows(fixture, old)).toBe(1);
    });
  }

  test("retentionMs of the operation wins over the ledger's", async (fixture) => {
    const ledger = fixture.createLedger({ retentionMs: 1 });
    const [short, long] = [ref("short"), ref("long", { retentionMs: HOUR_MS })];
    for (const op of [short, long]) await ledger.once(op, () => 1);
    await pauseMs(10);
    expect((await ledger.once(short, () => 1)).status).toBe("executed");
    expect((await ledger.once(long, () => 1)).status).toBe("replayed");
  });

  test("a failure that was stored expires as well", async (fixture) => {
    const op = ref("failed", { retentionMs: 1 });
    const ledger = fixture.createLedger({ storeError: () => "stored" });
    await thrown(ledger.once(op, () => Promise.reject(new Error("declined"))));
    await pauseMs(10);
    expect((await ledger.once(op, () => "paid")).value).toBe("paid");
  });
}

function sweeping(cases: Cases): void {
  const { test, target } = cases;
  const crowded = crowdedTest(cases);
  test("a sweep removes what expired, never an unexpired row, and tells its progress", async (fixture) => {
    await sweepAll(fixture);
    const operation = unique("sweep");
    const kept = ref(operation);
    await fixture.createLedger().once(kept, () => 1);
    await leaveExpired(fixture, operation, 5);
    const seen: SweepProgress[] = [];
    const swept = await fixture
      .createLedger()
      .sweep({ batch: 2, onProgress: (progress) => void seen.push(progress) });
    expect(swept).toStrictEqual({ removed: 5, batches: 3 });
    expect(seen).toStrictEqual([
      { removed: 2, batches: 1 },
      { removed: 4, batches: 2 },
      { removed: 5, batches: 3 },
    ]);
    expect([await rowsOf(fixture, operation), await ledgerRows(fixture, kept)]).toStrictEqual([1, 1]);
    expect(await fixture.createLedger().sweep()).toStrictEqual({ removed: 0, batches: 1 });
  });

  test("a sweep removes no more than its limit, and awaits what onProgress returns", async (fixture) => {
    await sweepAll(fixture);
    const operation = unique("sweep");
    await leaveExpired(fixture, operation, 5);
    const seen: string[] = [];
    const onProgress = async ({ batches }: SweepProgress): Promise<void> => {
      seen.push(`told of ${batches}`);
      await pauseMs(40);
      seen.push(`ready after ${batches}`);
    };
    const swept = await fixture.createLedger().sweep({ batch: 2, limit: 3, onProgress });
    expect(swept).toStrictEqual({ removed: 3, batches: 2 });
    expect(seen).toStrictEqual(["told of 1", "ready after 1", "told of 2", "ready after 2"]);
    expect(await rowsOf(fixture, operation)).toBe(2);
    await fixture.createLedger().sweep();
  });

  crowded("a sweep skips rows that somebody holds, and does not wait", async (fixture) => {
    await sweepAll(fixture);
    const operation = unique("sweep");
    await leaveExpired(fixture, operation, 3);
    const held = ref(operation, { retentionMs: 1 });
    await fixture.createLedger().once(held, () => 1);
    await pauseMs(10);
    const holder = await fixture.begin();
    try {
      // By its primary key, since some engines lock all rows that they read on the way.
      const id = `(SELECT id FROM ${fixture.ledgerTable} WHERE ${fixture.quote("key")} = ${literal(held.key)})`;
      await holder.query(`SELECT 1 FROM ${fixture.ledgerTable} WHERE id = ${id} FOR UPDATE`);
      const patient = await patience(fixture, cases.target.capabilities);
      expect((await fixture.createLedger().sweep()).removed).toBe(3);
      expect(patient.waits()).toBe(true);
      await patient.over();
      expect(await ledgerRows(fixture, held)).toBe(1);
    } finally {
      await holder.commit();
    }
    expect((await fixture.createLedger().sweep()).removed).toBe(1);
  });

  test("a sweep beside late retries: each is a replay or a new execution, never a false refusal", async (fixture) => {
    const ledger = fixture.createLedger();
    const ops = Array.from({ length: 20 }, () => ref("late", { retentionMs: 5 }));
    const run = (op: (typeof ops)[number]) =>
      ledger.once({ ...op, payload: op.key }, async (tx) => {
        await tx.query(addEffect(op.key));
        return op.key;
      });
    let executed = 0;
    for (let round = 0; round < 3; round++) {
      const sweeps = [ledger.sweep({ batch: 3 }), ledger.sweep({ batch: 3 })];
      const outcomes = await Promise.all(ops.map(run));
      await Promise.all(sweeps);
      executed += outcomes.filter(({ status }) => status === "executed").length;
      outcomes.forEach(({ value }, index) => {
        expect(value).toBe(ops[index]?.key);
      });
      await pauseMs(3);
    }
    const done = await count(fixture, "effects", `op IN (${ops.map(({ key }) => literal(key)).join(", ")})`);
    expect(done).toBe(executed);
  });

  test("limits of a sweep are checked", async (fixture) => {
    const ledger = fixture.createLedger();
    for (const options of [
      { batch: 0 },
      { batch: 1.5 },
      { limit: 0 },
      { limit: -1 },
      { batch: Number.NaN },
      { batch: 10 ** 9 },
    ]) {
      expect(await thrown(ledger.sweep(options))).toBeInstanceOf(TypeError);
    }
  });

  if (!target.capabilities.within) return;
  crowded(
    "a sweep never removes a claim that is still running, though its retention is over",
    async (fixture) => {
      const op = ref("running", { retentionMs: 1 });
      const holder = await fixture.begin();
      await holder.ledger().once(op, async (tx) => {
        await pauseMs(10);
        await tx
          .within({ waitMs: 100, responseMs: 500 })
          .sweep()
          .catch(() => {});
        await fixture.createLedger().sweep();
        await tx.query(addEffect(op.key));
      });
      await holder.commit();
      expect([await effects(fixture, op.key), await ledgerRows(fixture, op)]).toStrictEqual([1, 1]);
    },
  );
}
