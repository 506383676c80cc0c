import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Fault, type FaultProxy, throughProxy } from "../proxy/proxy.js";
import { count, isRetryable, settle, show } from "./check.js";
import { databaseFor, eachTarget, proxyFor } from "./databases.js";
import { tallyOf } from "./figures.js";
import { History } from "./history.js";
import { ClientKilled, COUNTERS, counterOf, LoadClient, loadCall, loadRef } from "./load.js";
import { pick, random, seedOf } from "./random.js";
import type { Meddler } from "./target.js";

const LONG = process.env.OPLEDGER_PROOF === "long";
const CLIENTS = 8;
/** Clients choose among this many keys at a time, and every so many calls the oldest of them is left behind. */
const WINDOW = 24;
const CALLS_PER_KEY = 6;
const DURATION_MS = LONG ? 300_000 : 12_000;

const tally = tallyOf("load");

eachTarget("random load under random faults", (target) => {
  let database: { url: string; drop(): Promise<void> };
  let witness: Meddler;
  let proxy: FaultProxy;

  beforeAll(async () => {
    database = await databaseFor(target);
    witness = await target.prepare(database.url);
    proxy = await proxyFor(target, database.url);
    await witness.seed(1);
  });
  afterAll(async () => {
    await proxy?.close();
    await witness?.close();
    await database?.drop();
  });

  it("keeps every promise", { timeout: DURATION_MS + 120_000 }, async () => {
    const seed = seedOf("OPLEDGER_SEED");
    console.log(`load: seed ${seed} (rerun with OPLEDGER_SEED=${seed})`);
    tally.seeds.push(seed);
    const history = new History();
    const endsAt = performance.now() + DURATION_MS;
    const running = (): boolean => performance.now() < endsAt;
    // Two ledgers, as two processes have them: duplicates meet in memory and in the database.
    const options = { waitMs: 1_500, responseMs: 800, workTimeoutMs: 2_000, poolMax: CLIENTS };
    const ledgers = [1, 2].map(() => target.open(throughProxy(database.url, proxy), options));
    const untyped: string[] = [];
    const record = (key: number, run: () => Promise<unknown>): Promise<unknown> =>
      history.record(key, counterOf(key), loadRef(key), run);
    let calls = 0;
    const mortals = [new LoadClient(), new LoadClient()];
    const mortal = async (each: LoadClient, id: number): Promise<void> => {
      const next = random(seed * 2_000 + id);
      const url = throughProxy(database.url, proxy);
      while (running()) {
        const key = Math.floor(calls++ / CALLS_PER_KEY + next() * WINDOW);
        const ended = await settle(record(key, () => each.run({ target: target.name, url, key })));
        count(tally, [], ended);
        if (!ended.ok && !(ended.error instanceof ClientKilled)) untyped.push(show(ended.error));
      }
      each.kill();
    };
    const client = async (id: number): Promise<void> => {
      const next = random(seed * 1_000 + id);
      while (running()) {
        const opened = pick(ledgers, next);
        const key = Math.floor(calls++ / CALLS_PER_KEY + next() * WINDOW);
        const ended = await settle(record(key, () => loadCall(opened, key)));
        count(tally, [], ended);
        if (!ended.ok && !isRetryable(ended.error)) untyped.push(show(ended.error));
      }
    };
    const clients = Array.from({ length: CLIENTS }, (_, id) => client(id));
    await Promise.all([
      ...clients,
      ...mortals.map(mortal),
      faults({ proxy, witness, mortals }, random(seed), running),
    ]);
    proxy.disarm();
    proxy.releaseBlackholes();
    await proxy.drained();
    for (const { events } of ledgers) {
      tally.unknowns += events.filter(({ type }) => type === "unknown").length;
      tally.attempts += events.filter(({ type }) => type === "retried").length;
      for (const event of events) if (event.type === "resolved") tally.resolution("resolved under load");
    }
    const [survivor] = ledgers;
    const stuck: string[] = [];
    for (const key of history.keys()) {
      const ended = await settle(
        record(key, () => (survivor === undefined ? Promise.reject() : loadCall(survivor, key))),
      );
      if (!ended.ok) stuck.push(`key ${key} is stuck: ${show(ended.error)}`);
    }
    const leaks = (await Promise.all(ledgers.map((each) => each.leak()))).flatMap((leak) => leak ?? []);
    const found = [...untyped, ...stuck, ...leaks, ...(await history.check(witness, COUNTERS))];
    tally.violations += found.length;
    await Promise.all(ledgers.map((each) => each.close()));
    expect(found).toEqual([]);
    expect(history.acknowledged).toBeGreaterThan(100);
  });
});

const HOW: readonly Fault["how"][] = ["reset", "reset", "fin", "blackhole"];

/** Cuts connections at random messages and kills random backends until the load is over. */
async function faults(
  { proxy, witness, mortals }: { proxy: FaultProxy; witness: Meddler; mortals: readonly LoadClient[] },
  next: () => number,
  running: () => boolean,
): Promise<void> {
  while (running()) {
    const how = pick(HOW, next);
    const lot = next();
    if (lot < 0.05) {
      if (pick(mortals, next).kill()) tally.fault("client killed");
    } else if (lot < 0.2) {
      tally.fault("backend killed", await witness.kill(2));
    } else {
      proxy.arm({
        ...{
          direction: pick(["client", "server"], next),
          moment: pick(["before", "mid", "after"], next),
          how,
        },
        index: Math.floor(next() * 40),
      });
    }
    await sleep(20 + next() * 60);
    if (proxy.fired) tally.fault(how);
    if (how === "blackhole") proxy.releaseBlackholes();
  }
}
