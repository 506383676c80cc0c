import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { count, isRetryable, settle, show } from "./check.js";
import { databaseFor, eachTarget } from "./databases.js";
import { tallyOf } from "./figures.js";
import type { Meddler, Opened, OpenOptions } from "./target.js";

const tally = tallyOf("pool");

eachTarget("pools that run dry and connections that are killed", (target) => {
  let database: { url: string; drop(): Promise<void> };
  let witness: Meddler;
  const opened: Opened<unknown>[] = [];

  beforeAll(async () => {
    database = await databaseFor(target);
    witness = await target.prepare(database.url);
  });
  afterAll(async () => {
    await Promise.all(opened.map((each) => each.close()));
    await witness?.close();
    await database?.drop();
  });

  function open(options: OpenOptions = {}): Opened<unknown> {
    const made = target.open(database.url, options);
    opened.push(made);
    return made;
  }

  /** Work that uses the pool beside its transaction, as it should not. */
  const greedy = (each: Opened<unknown>, key: string, n: number): Promise<{ status: string }> =>
    each.ledger.once({ operation: "greedy", key }, async (tx) => {
      await each.effect(tx, n);
      await sleep(30);
      await each.sqlOnPool("select 1");
      return n;
    });

  it("three duplicates on a pool of three whose work uses the pool do not hang", async () => {
    const a = open({ poolMax: 3 });
    const ends = await Promise.all([1, 2, 3].map(() => settle(greedy(a, "same", 1), 8_000)));
    tally.fault("pool exhaustion");
    count(tally, a.events, { ok: true, value: 0 });
    const statuses = ends.map((each) => (each.ok ? each.value.status : show(each.error))).sort();
    expect(statuses).toEqual(["executed", "replayed", "replayed"]);
    expect(await a.leak()).toBeUndefined();
    expect(await witness.applied(1)).toBe(1);
  });

  it("the same from two processes: bounded and typed", async () => {
    const both = [open({ poolMax: 3, waitMs: 1_000 }), open({ poolMax: 3, waitMs: 1_000 })];
    const ends = await Promise.all(
      both.flatMap((each) => [1, 2, 3].map(() => settle(greedy(each, "two", 2), 8_000))),
    );
    tally.fault("pool exhaustion");
    for (const each of both) count(tally, each.events, { ok: true, value: 0 });
    const statuses = ends.map((each) => (each.ok ? each.value.status : show(each.error)));
    expect(statuses.filter((status) => status === "executed")).toHaveLength(1);
    expect(statuses.filter((status) => status === "replayed")).toHaveLength(5);
    expect(await witness.applied(2)).toBe(1);
  });

  it("three operations of their own that use up the pool end within its timeout, and can be tried again", async () => {
    const a = open({ poolMax: 3 });
    const all = (): Promise<{ ok: boolean }[]> =>
      Promise.all([3, 4, 5].map((n) => settle(greedy(a, `own-${n}`, n), 12_000)));
    const ends = await all();
    tally.fault("pool exhaustion");
    count(tally, a.events, { ok: true, value: 0 });
    expect(ends).toHaveLength(3);
    expect(await a.leak()).toBeUndefined();
    for (const n of [3, 4, 5]) {
      const again = await settle(greedy(a, `own-${n}`, n));
      expect(again.ok ? "ok" : show(again.error)).toBe("ok");
      expect(await witness.applied(n)).toBe(1);
    }
  });

  it("a pool that gives no connection is a typed error within the acquisition limit", async () => {
    const a = open({ poolMax: 1, waitMs: 100 });
    let finish: () => void = () => {};
    const held = a.ledger.once({ operation: "hold", key: "1" }, async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    await sleep(50);
    // Ends only by the limit: the connection is given back after it.
    const starved = await settle(
      a.ledger.operation({ operation: "starve", key: "1" }).insert({ into: "effects", values: { n: 6 } }),
    );
    finish();
    await held;
    tally.fault("pool exhaustion");
    count(tally, [], starved);
    expect(starved.ok ? "ok" : isRetryable(starved.error, "OPLEDGER_ROLLED_BACK")).toBe(true);
    expect(await a.leak()).toBeUndefined();
  });

  it("backends killed inside the work are retried", async () => {
    const a = open();
    let runs = 0;
    const ended = await settle(
      a.ledger.once({ operation: "killed", key: "1" }, async (tx) => {
        runs += 1;
        await a.effect(tx, 7);
        if (runs < 3) await witness.kill();
        await a.effect(tx, 7);
        return runs;
      }),
    );
    tally.fault("backend killed", 2);
    count(tally, a.events, ended);
    expect(ended).toMatchObject({ ok: true, value: { status: "executed", value: 3 } });
    expect(await witness.applied(7)).toBe(2);
    expect(await a.leak()).toBeUndefined();
  });

  it("backends killed while the pool is idle cost nothing", async () => {
    const a = open();
    await Promise.all([1, 2, 3].map((n) => greedy(a, `warm-${n}`, 80 + n)));
    await witness.kill();
    tally.fault("backend killed", 3);
    const ends = await Promise.all([1, 2, 3].map((n) => settle(greedy(a, `cold-${n}`, 90 + n))));
    count(tally, a.events, { ok: true, value: 0 });
    expect(ends.map((each) => (each.ok ? each.value.status : show(each.error)))).toEqual(
      Array(3).fill("executed"),
    );
  });

  it("a backend killed while a duplicate waits for the claim is retried", async () => {
    const [a, b] = [open(), open()];
    let finish: () => void = () => {};
    const holder = a.ledger.once({ operation: "wait", key: "1" }, async (tx) => {
      await a.effect(tx, 8);
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return 8;
    });
    await sleep(100);
    const waiter = settle(b.ledger.once({ operation: "wait", key: "1" }, () => 9));
    // MySQL shows who waits as it was, for as long as somebody asks again within 100 ms.
    while ((await witness.killWaiting()) === 0) await sleep(150);
    tally.fault("backend killed");
    await sleep(50);
    finish();
    expect((await holder).status).toBe("executed");
    const ended = await waiter;
    count(tally, b.events, ended);
    expect(ended).toMatchObject({ ok: true, value: { status: "replayed", value: 8 } });
  });
});
