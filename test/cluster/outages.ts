import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { count, isRetryable, settle, show } from "../faults/check.js";
import { History } from "../faults/history.js";
import { COUNTERS, counterOf, loadCall, loadRef } from "../faults/load.js";
import { pick, random, seedOf } from "../faults/random.js";
import { ask, type Client } from "./client.js";
import { expectOnce, fresh, type Lab, onEachNode, three, until, withClients } from "./lab.js";

const CLIENTS = 6;
/** Clients choose among this many keys at a time, and every so many calls the oldest of them is left behind. */
const WINDOW = 24;
const CALLS_PER_KEY = 6;
const LONG = process.env.OPLEDGER_PROOF === "long";
const CALM_MS = LONG ? 2_000 : 1_000;
/** Longer than the others wait for a node that stays silent. */
const SILENCE_MS = 6_000;
const STORMS = LONG ? 5 : 1;

/** Nodes die, fall silent, and lose their majority. */
export function outages(lab: () => Lab): void {
  describe("a node without a majority", () => {
    it("commits nothing, says so, and the same key runs once the majority is back", () =>
      withClients(lab(), async ([a]) => {
        const { cluster, tally } = lab();
        const [first, ...others] = cluster.nodes;
        if (first === undefined) throw new Error("the cluster has no nodes");
        const { n, ref } = fresh();
        let attempts = 0;
        const call = (): Promise<{ status: string }> =>
          a.ledger.once(ref, async (tx) => {
            await a.effect(tx, n);
            attempts += 1;
            if (attempts === 1) {
              await Promise.all(others.map((node) => node.kill()));
              await until("the loss of the majority", () => isCutOff(lab()));
            }
            return { n };
          });
        const committing = await settle(call(), 60_000);
        count(tally, a.events, committing);
        tally.fault("nodes killed", 2);
        tally.fault("majorities lost");
        expect(committing.ok).toBe(false);
        if (!committing.ok) expect(isRetryable(committing.error)).toBe(true);
        const later = await settle(a.ledger.operation(fresh().ref).increment(INCREMENT), 60_000);
        count(tally, [], later);
        expect(later).toMatchObject({ ok: false, error: { code: "OPLEDGER_ROLLED_BACK", retryable: true } });
        await Promise.all(others.map((node) => node.restart()));
        await cluster.whole();
        expect(["executed", "replayed"]).toContain((await call()).status);
        tally.operations += 1;
        await expectOnce(lab(), n);
      }));
  });

  describe("a load on all nodes", () => {
    it(
      "keeps every promise while nodes are killed, stopped, and left without a majority",
      {
        timeout: STORMS * 180_000,
      },
      () => withClients(lab(), (clients) => underLoad(lab(), clients)),
    );
  });
}

const INCREMENT = { table: "accounts", where: { id: 33 }, by: { balance: 1n } };

async function isCutOff({ cluster }: Lab): Promise<boolean> {
  const [first] = cluster.nodes;
  if (first === undefined) return false;
  const [row] = await ask<{ Value: string }>(first, "SHOW STATUS LIKE 'wsrep_cluster_status'");
  return row?.Value !== "Primary";
}

async function underLoad(lab: Lab, clients: readonly Client[]): Promise<void> {
  const { cluster, tally } = lab;
  const seed = seedOf("OPLEDGER_SEED");
  console.log(`load: seed ${seed} (rerun with OPLEDGER_SEED=${seed})`);
  tally.seeds.push(seed);
  const history = new History();
  const wrong: string[] = [];
  let running = true;
  let calls = 0;
  const record = async (client: Client, key: number): Promise<ReturnType<typeof settle<unknown>>> => {
    const ended = await settle(
      history.record(key, counterOf(key), loadRef(key), () => loadCall(client, key)),
      60_000,
    );
    count(tally, [], ended);
    if (!ended.ok && isRetryable(ended.error, "OPLEDGER_OUTCOME_UNKNOWN")) {
      tally.resolution("thrown to the caller, and found out by the same key");
    }
    return ended;
  };
  const caller = async (id: number): Promise<void> => {
    const next = random(seed * 1_000 + id);
    while (running) {
      const key = Math.floor(calls++ / CALLS_PER_KEY + next() * WINDOW);
      const ended = await record(pick(clients, next), key);
      if (!ended.ok && !isRetryable(ended.error)) wrong.push(show(ended.error));
    }
  };
  const callers = Array.from({ length: CLIENTS }, (_, id) => caller(id));
  try {
    for (let storm = 0; storm < STORMS; storm++) await nemesis(lab);
  } finally {
    running = false;
    await Promise.all(callers);
  }
  await cluster.whole();
  for (const { events } of clients) {
    tally.unknowns += events.filter(({ type }) => type === "unknown").length;
    tally.attempts += events.filter(({ type }) => type === "retried").length;
    for (const { type } of events) if (type === "resolved") tally.resolution("resolved under load");
  }
  const next = random(seed);
  for (const key of history.keys()) {
    const ended = await record(pick(clients, next), key);
    if (!ended.ok) wrong.push(`key ${key} is stuck: ${show(ended.error)}`);
  }
  for (const found of await onEachNode(lab, (witness) => history.check(witness, COUNTERS)))
    wrong.push(...found);
  const contents = await onEachNode(lab, (witness) => witness.contents());
  if (new Set(contents).size !== 1) wrong.push("the nodes do not hold the same");
  tally.violations += wrong.length;
  expect(wrong).toEqual([]);
  expect(history.acknowledged).toBeGreaterThan(500);
}

/** One outage after the other, each over before the next begins. */
async function nemesis({ cluster, tally }: Lab): Promise<void> {
  const [a, b, c] = three(cluster.nodes);
  await sleep(CALM_MS);
  tally.fault("nodes killed");
  await b.kill();
  await sleep(CALM_MS);
  await b.restart();
  await cluster.whole();
  await sleep(CALM_MS);
  tally.fault("nodes stopped");
  c.pause();
  await sleep(SILENCE_MS);
  c.resume();
  await cluster.whole();
  await sleep(CALM_MS);
  tally.fault("nodes killed", 2);
  tally.fault("majorities lost");
  await Promise.all([a.kill(), c.kill()]);
  await sleep(CALM_MS);
  await Promise.all([a.restart(), c.restart()]);
  await cluster.whole();
  await sleep(CALM_MS);
  tally.fault("nodes stopped", 2);
  tally.fault("majorities lost");
  b.pause();
  c.pause();
  await sleep(SILENCE_MS);
  b.resume();
  c.resume();
  await cluster.whole();
  await sleep(CALM_MS);
}
