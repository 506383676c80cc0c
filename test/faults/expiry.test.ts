import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { count, isRetryable, settle, show } from "./check.js";
import { databaseFor, eachTarget } from "./databases.js";
import { tallyOf } from "./figures.js";
import type { Opened, Witness } from "./target.js";

const LONG = process.env.OPLEDGER_PROOF === "long";
const DURATION_MS = LONG ? 60_000 : 4_000;
/** So often each key must have expired and been executed anew, however long a busy machine takes. */
const EXECUTIONS_MIN = 10;

const tally = tallyOf("expiry");

eachTarget("the sweeper races late retries around expiry", (target) => {
  let database: { url: string; drop(): Promise<void> };
  let witness: Witness;
  const opened: Opened<unknown>[] = [];

  beforeAll(async () => {
    database = await databaseFor(target);
    witness = await target.prepare(database.url);
    opened.push(target.open(database.url, { poolMax: 8 }), target.open(database.url, { poolMax: 8 }));
  });
  afterAll(async () => {
    await Promise.all(opened.map((each) => each.close()));
    await witness?.close();
    await database?.drop();
  });

  it("replays or executes again, never anything else; effects and executions agree", {
    timeout: DURATION_MS + 120_000,
  }, async () => {
    const endsAt = performance.now() + DURATION_MS;
    const executed = [0, 0, 0, 0, 0, 0];
    const wrong: string[] = [];
    let running = 0;
    const client = async (each: Opened<unknown>, cell: number): Promise<void> => {
      const ref = { operation: "race", key: `key-${cell}`, retentionMs: 15, payload: cell };
      const { ledger } = each;
      while (performance.now() < endsAt || (executed[cell] ?? 0) < EXECUTIONS_MIN) {
        const write = { into: "effects", values: { n: cell } };
        const run = (): Promise<{ status: string }> =>
          cell < 3
            ? ledger.once(ref, async (tx) => {
                await each.effect(tx, cell);
              })
            : cell < 5
              ? ledger.operation(ref).insert(write)
              : ledger.insertMany([{ ...ref, ...write }]).then(([one]) => one ?? { status: "none" });
        const ended = await settle(run());
        count(tally, [], ended);
        if (ended.ok && ended.value.status === "executed") executed[cell] = (executed[cell] ?? 0) + 1;
        else if (ended.ok && ended.value.status !== "replayed") wrong.push(JSON.stringify(ended.value));
        // So many races in a row may be lost that the call gives up: typed, retryable, and nothing was written.
        else if (!ended.ok && !isRetryable(ended.error, "OPLEDGER_ROLLED_BACK"))
          wrong.push(show(ended.error));
        await sleep(Math.random() * 4);
      }
    };
    const sweeper = async (each: Opened<unknown>): Promise<void> => {
      while (running > 0) {
        await each.ledger.sweep({ batch: 2 });
        tally.fault("sweep");
        await sleep(Math.random() * 4);
      }
    };
    const started = (work: Promise<void>): Promise<void> => {
      running += 1;
      return work.finally(() => {
        running -= 1;
      });
    };
    await Promise.all([
      ...opened.flatMap((each) =>
        executed.flatMap((_, cell) => [started(client(each, cell)), started(client(each, cell))]),
      ),
      ...opened.map(sweeper),
    ]);
    for (const [cell, times] of executed.entries()) {
      const applied = await witness.applied(cell);
      if (applied !== times) wrong.push(`cell ${cell}: ${applied} effects, ${times} executions`);
    }
    tally.violations += wrong.length;
    expect([...new Set(wrong)]).toEqual([]);
    expect(await witness.unfinished()).toBe(0);
    expect(await Promise.all(opened.map((each) => each.leak()))).toEqual([undefined, undefined]);
  });
});
