import { expect } from "vitest";
import {
  account,
  addEffect,
  effects,
  HOUR_MS,
  ledgerRows,
  literal,
  number,
  pauseMs,
  ref,
  refused,
  rowOf,
  thrown,
  unique,
  uniqueId,
} from "./helpers.js";
import type { BoundWrites, Cases, Concern, TestLedger } from "./target.js";

export const erase: Concern = {
  name: "erase",
  register: (cases) => {
    once(cases);
    writes(cases);
    counting(cases);
  },
};

const ERASED = "OPLEDGER_RESULT_ERASED";

/** The ledger that ran the operation knows of it, and another one does not: both must say the same. */
async function refusedBoth(
  first: TestLedger,
  other: TestLedger,
  call: (ledger: TestLedger) => Promise<unknown>,
): Promise<void> {
  for (const ledger of [first, other]) {
    const error = await refused(call(ledger), ERASED);
    expect(error.retryable).toBe(false);
    expect(error.message).toMatch(/executed before.*erased.*Nothing ran again/);
  }
}

function once({ test }: Cases): void {
  test("an erased operation is never executed again: once", async (fixture) => {
    const op = ref("erased", { scope: unique("tenant"), payload: 1 });
    const ledger = fixture.createLedger();
    const run = (on: TestLedger, payload = 1) =>
      on.once({ ...op, payload }, async (tx) => {
        await tx.query(addEffect(op.key));
        return { secret: "stays not" };
      });
    await run(ledger);
    expect(await ledger.erase({ scope: op.scope ?? "" })).toEqual({ erased: 1 });
    await refusedBoth(ledger, fixture.createLedger(), run);
    await refused(run(fixture.createLedger(), 2), "OPLEDGER_FINGERPRINT_MISMATCH");
    expect(await effects(fixture, op.key)).toBe(1);
    expect(await ledgerRows(fixture, op)).toBe(1);
    expect(await ledger.inspect(op)).toMatchObject({
      status: "completed",
      erased: true,
      resultBytes: 0,
      value: undefined,
    });
  });

  test("an erased failure is a failure no more, and is not executed again either", async (fixture) => {
    const op = ref("erased", { scope: unique("tenant") });
    const ledger = fixture.createLedger({ storeError: () => ({ card: "declined" }) });
    const run = (on: TestLedger) =>
      on.once(op, () => {
        throw new Error("declined");
      });
    await thrown(run(ledger));
    expect(await ledger.erase({ scope: op.scope ?? "" })).toEqual({ erased: 1 });
    await refusedBoth(ledger, fixture.createLedger(), run);
  });

  test("an erased operation met inside a transaction leaves it usable", async (fixture) => {
    const op = ref("erased", { scope: unique("tenant") });
    const ledger = fixture.createLedger();
    await ledger.once(op, () => 1);
    await ledger.erase({ scope: op.scope ?? "" });
    const transaction = await fixture.begin();
    await refused(
      transaction.ledger().once(op, () => 2),
      ERASED,
    );
    await transaction.query(addEffect(op.key));
    await transaction.commit();
    expect(await effects(fixture, op.key)).toBe(1);
  });
}

const VERBS: Readonly<Record<string, (writes: BoundWrites, id: number) => Promise<unknown>>> = {
  insert: (bound, id) => bound.insert({ into: "accounts", values: { id: id + 1_000_000, balance: 7 } }),
  upsert: (bound, id) =>
    bound.upsert({ into: "accounts", values: { id, balance: 8 }, conflict: ["id"], update: ["balance"] }),
  update: (bound, id) => bound.update({ table: "accounts", where: { id }, set: { balance: 9 } }),
  "compare-and-set": (bound, id) =>
    bound.update({ table: "accounts", where: { id }, version: 1, set: { balance: 10 } }),
  increment: (bound, id) => bound.increment({ table: "accounts", where: { id }, by: { balance: 11 } }),
  delete: (bound, id) => bound.delete({ from: "accounts", where: { id } }),
};

function writes({ test }: Cases): void {
  test("an erased operation is never executed again: bound writes", async (fixture) => {
    for (const [verb, write] of Object.entries(VERBS)) {
      const id = await account(fixture, 100);
      const op = ref(`erased ${verb}`, { scope: unique("tenant") });
      const ledger = fixture.createLedger();
      await write(ledger.operation(op), id);
      const left = await rowOf(fixture, "accounts", id);
      expect(await ledger.erase({ scope: op.scope ?? "" })).toEqual({ erased: 1 });
      await refusedBoth(ledger, fixture.createLedger(), (on) => write(on.operation(op), id));
      expect(await rowOf(fixture, "accounts", id)).toEqual(left);
    }
  });

  test("an erased operation is never executed again: batches", async (fixture) => {
    const id = await account(fixture, 0);
    const scope = unique("tenant");
    const each = (key: string) => ({
      operation: "erased batch",
      scope,
      key,
      table: "accounts",
      where: { id },
      by: { balance: 1 },
    });
    const keys = [unique(), unique(), unique()];
    const ledger = fixture.createLedger();
    await ledger.incrementMany(keys.map(each));
    expect(await ledger.erase({ scope, batch: 2 })).toEqual({ erased: 3 });
    const [again, added] = await ledger.incrementMany([keys[0] ?? "", unique()].map(each));
    expect(again).toMatchObject({ status: "refused", error: { code: ERASED } });
    expect(added).toMatchObject({ status: "executed" });
    expect(Number((await rowOf(fixture, "accounts", id))?.balance)).toBe(4);
  });
}

function counting({ test }: Cases): void {
  test("erasing concerns one scope, in batches, and finds nothing the second time", async (fixture) => {
    const [scope, other] = [unique("tenant"), unique("tenant")];
    const ledger = fixture.createLedger();
    const kept = ref("erased", { scope: other });
    await ledger.once(kept, () => "kept");
    for (let n = 0; n < 7; n++) await ledger.once(ref("erased", { scope }), () => n);
    const seen: number[] = [];
    const onProgress = ({ erased }: { erased: number }): void => void seen.push(erased);
    expect(await ledger.erase({ scope, batch: 3, onProgress })).toEqual({ erased: 7 });
    expect(seen).toEqual([3, 6, 7]);
    expect(await ledger.erase({ scope })).toEqual({ erased: 0 });
    expect(await ledger.once(kept, () => "again")).toEqual({ status: "replayed", value: "kept" });
    const stored = `SELECT count(*) FROM ${fixture.ledgerTable} WHERE scope = ${literal(scope)} AND result IS NOT NULL`;
    expect(await number(fixture, stored)).toBe(0);
    await refused(ledger.erase({ scope: "" }), "OPLEDGER_INVALID_OPERATION");
  });

  test("stats count what the ledger holds, per operation", async (fixture) => {
    const [calm, short] = [unique("calm"), unique("short")];
    const ledger = fixture.createLedger({ storeError: () => "final" });
    const startedAt = Date.now();
    for (let n = 0; n < 3; n++) await ledger.once(ref(calm), () => "12345678");
    await thrown(
      ledger.once(ref(calm), () => {
        throw new Error("no");
      }),
    );
    await ledger.once(ref(short, { retentionMs: 1 }), () => null);
    await ledger.once(ref(short, { retentionMs: HOUR_MS }), () => uniqueId());
    await pauseMs(20);
    const stats = await ledger.stats();
    const of = (operation: string) => stats.find((each) => each.operation === operation);
    expect(of(calm)).toMatchObject({ completed: 3, failed: 1, unfinished: 0, expired: 0, expiring: 0 });
    expect(of(calm)?.resultBytes).toBe(3 * 11 + 8);
    expect(Math.abs((of(calm)?.oldest.getTime() ?? 0) - startedAt)).toBeLessThan(600_000);
    expect(of(short)).toMatchObject({ completed: 2, expired: 1, expiring: 1 });
    expect(stats.map(({ operation }) => operation)).toContain(short);
  });
}
