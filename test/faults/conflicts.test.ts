import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { count, isRetryable, outrun, type Settled, settle, show } from "./check.js";
import { databaseFor, eachTarget } from "./databases.js";
import { tallyOf } from "./figures.js";
import type { Opened, OpenOptions, Witness } from "./target.js";

const tally = tallyOf("conflicts");

/** Lets the first `parties` callers go on together; later ones are not held. */
function barrier(parties: number): () => Promise<void> {
  let arrived = 0;
  let open: () => void = () => {};
  const all = new Promise<void>((resolve) => {
    open = resolve;
  });
  return async () => {
    arrived += 1;
    if (arrived === parties) open();
    if (arrived <= parties) await all;
  };
}

eachTarget("faults that the database itself raises", (target) => {
  let database: { url: string; drop(): Promise<void> };
  let witness: Witness;
  const opened: Opened<unknown>[] = [];
  let n = 0;

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

  const fresh = (): { operation: string; key: string } => {
    n += 1;
    return { operation: "conflict", key: `key-${n}` };
  };
  const reasons = ({ events }: Opened<unknown>): string[] =>
    events.flatMap((event) => (event.type === "retried" ? [event.reason] : []));

  it("a deadlock inside the work is retried", async () => {
    await witness.seed(1);
    const a = open();
    const meet = barrier(2);
    const transfer = (from: number, to: number) =>
      a.ledger.once(fresh(), async (tx) => {
        await a.sql(tx, `update accounts set balance = balance - 1 where id = ${from}`);
        await meet();
        await a.sql(tx, `update accounts set balance = balance + 1 where id = ${to}`);
        return from;
      });
    const both = await Promise.all([settle(transfer(10, 11)), settle(transfer(11, 10))]);
    count(tally, a.events, { ok: true, value: 0 });
    tally.fault("deadlock");
    expect(both.map((each) => (each.ok ? each.value.status : show(each.error)))).toEqual([
      "executed",
      "executed",
    ]);
    expect(reasons(a)).toEqual(["conflict"]);
    expect(await witness.balance(1)).toBe(400);
    expect(await witness.applied(1)).toBe(4);
  });

  it("a serialization failure inside the work is retried", async () => {
    await witness.seed(2);
    const a = open();
    const meet = barrier(2);
    const skew = (id: number) =>
      a.ledger.once(
        fresh(),
        async (tx) => {
          const [row] = await a.sql(tx, "select sum(balance) as sum from accounts where n = 2");
          await meet();
          await a.sql(tx, `update accounts set balance = ${String(row?.sum)} where id = ${id}`);
          return String(row?.sum);
        },
        { isolationLevel: "serializable" },
      );
    const both = await Promise.all([settle(skew(20)), settle(skew(21))]);
    count(tally, a.events, { ok: true, value: 0 });
    tally.fault("serialization failure");
    const sums = both.map((each) => (each.ok ? each.value.value : show(each.error))).sort();
    expect(sums).toEqual(["400", "700"]);
    expect(reasons(a).every((reason) => reason === "conflict")).toBe(true);
    expect(reasons(a).length).toBeGreaterThan(0);
  });

  it.each(["read committed", "repeatable read", "serializable"] as const)(
    "duplicates in two processes at %s: one executes, one replays",
    async (isolationLevel) => {
      const [a, b] = [open(), open()];
      const ref = fresh();
      n += 1;
      const cell = 1_000 + n;
      const run = (each: Opened<unknown>) =>
        each.ledger.once(
          ref,
          async (tx) => {
            await each.effect(tx, cell);
            await sleep(50);
            return cell;
          },
          { isolationLevel },
        );
      const both = await Promise.all([settle(run(a)), settle(run(b))]);
      for (const each of [a, b]) count(tally, each.events, { ok: true, value: 0 });
      const ends = both.map((each) => (each.ok ? each.value.status : show(each.error))).sort();
      expect(ends).toEqual(["executed", "replayed"]);
      expect(await witness.applied(cell)).toBe(1);
    },
  );

  it("conflicts without end come to a typed error after `attemptsMax` attempts", async () => {
    const a = open({ backoff: { attemptsMax: 3, baseMs: 1 } });
    const ref = fresh();
    let runs = 0;
    const failing = (): Promise<unknown> =>
      a.ledger.once(ref, async (tx) => {
        runs += 1;
        await a.effect(tx, 3);
        await a.sql(tx, target.speech.conflict);
      });
    const ended = await settle(failing());
    count(tally, a.events, ended);
    tally.fault("serialization failure", 3);
    expect(ended.ok ? "ok" : isRetryable(ended.error, "OPLEDGER_ROLLED_BACK")).toBe(true);
    expect(runs).toBe(3);
    expect(reasons(a)).toEqual(["conflict", "conflict"]);
    expect(await witness.applied(3)).toBe(0);
    const again = await a.ledger.once(ref, () => 7);
    expect(again).toMatchObject({ status: "executed", value: 7 });
  });

  it("a key, and a row, locked elsewhere end in IN_PROGRESS after `waitMs`", async () => {
    await witness.seed(4);
    const a = open();
    const [b, patient] = [open({ waitMs: 100 }), open()];
    const ref = fresh();
    let finish: () => void = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let begun: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const holder = a.ledger.once(ref, async (tx) => {
      await a.sql(tx, "update accounts set status = 'held' where id = 40");
      begun();
      await finished;
      return 1;
    });
    await running;
    const late = patient.ledger.once(ref, () => 3);
    const attempts: (() => Promise<unknown>)[] = [
      () => b.ledger.once(ref, () => 2),
      () =>
        b.ledger.operation(fresh()).increment({ table: "accounts", where: { id: 40 }, by: { balance: 1n } }),
    ];
    const ends: Settled<unknown>[] = [];
    for (const attempt of attempts) {
      const { ended, first } = await outrun(late, attempt);
      ends.push(ended);
      expect(first).toBe(true);
    }
    finish();
    tally.fault("lock timeout", 2);
    for (const each of ends) {
      count(tally, [], each);
      expect(!each.ok && isRetryable(each.error, "OPLEDGER_IN_PROGRESS")).toBe(true);
    }
    expect((await holder).status).toBe("executed");
    expect((await late).status).toBe("replayed");
    expect((await b.ledger.once(ref, () => 2)).status).toBe("replayed");
  });

  it("an idle-in-transaction timeout neither ends the process nor sticks", async () => {
    const { settings, limitMs } = target.speech.idleTimeout;
    const a = open({ backoff: { attemptsMax: 2, baseMs: 1 }, settings });
    const ref = fresh();
    const slow = (ms: number): Promise<unknown> =>
      a.ledger.once(ref, async (tx) => {
        await a.effect(tx, 5);
        await sleep(ms);
        return 5;
      });
    const ended = await settle(slow(limitMs + 700));
    tally.fault("idle-in-transaction timeout", 2);
    count(tally, a.events, ended);
    expect(ended.ok ? "ok" : isRetryable(ended.error, "OPLEDGER_ROLLED_BACK")).toBe(true);
    expect(reasons(a)).toEqual(["lost"]);
    expect(await a.leak()).toBeUndefined();
    expect(await settle(slow(0))).toMatchObject({ ok: true, value: { status: "executed" } });
    expect(await witness.applied(5)).toBe(1);
  });

  it("a statement timeout inside the work is the work's error, and the key stays retryable", async () => {
    const { settings, code, slow } = target.speech.statementTimeout;
    const a = open({ settings });
    const ref = fresh();
    const sleepy = (seconds: number): Promise<unknown> =>
      a.ledger.once(ref, async (tx) => {
        await a.effect(tx, 6);
        await a.sql(tx, slow(seconds));
      });
    const ended = await settle(sleepy(1));
    tally.fault("statement timeout");
    count(tally, a.events, ended);
    expect(ended.ok ? "ok" : show(ended.error)).toContain(code);
    expect(await settle(sleepy(0))).toMatchObject({ ok: true, value: { status: "executed" } });
    expect(await witness.applied(6)).toBe(1);
  });
});
