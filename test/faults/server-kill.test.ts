import { afterAll, beforeAll, expect, it } from "vitest";
import type { Message } from "../proxy/messages.js";
import { answersStatement, type FaultProxy, runsStatement, throughProxy } from "../proxy/proxy.js";
import type { Server } from "../servers/types.js";
import { afterwards, count, isRetryable, settle, show } from "./check.js";
import { eachTarget, proxyFor, serverFor } from "./databases.js";
import { tallyOf } from "./figures.js";
import { SCENARIOS, type Scenario } from "./scenarios.js";
import { CallersError, type Witness } from "./target.js";

const LONG = process.env.OPLEDGER_PROOF === "long";

const tally = tallyOf("server-kill");

const CLIENTS = 8;
const LOADS = LONG ? 20 : 3;

eachTarget("the server is killed", (target) => {
  let server: Server;
  let witness: Witness;
  let proxy: FaultProxy;
  let next = 1;

  beforeAll(async () => {
    server = await serverFor(target, true);
    witness = await target.prepare(server.url);
    proxy = await proxyFor(target, server.url);
  });
  afterAll(async () => {
    await proxy?.close();
    await witness?.close();
    await server?.stop();
  });

  const scenarios = SCENARIOS.filter(({ name }) => LONG || ["once", "increment", "within"].includes(name));
  const moments = [
    { when: "before the commit arrives", direction: "client", committed: false },
    { when: "after it committed", direction: "server", committed: true },
  ] as const;

  /** The place, among the messages of a direction, of the one that commits, or that says so: a run's last. */
  async function commitOf(scenario: Scenario, direction: Message["direction"]): Promise<number> {
    const n = next++;
    await witness.seed(n);
    const opened = target.open(throughProxy(server.url, proxy));
    const messages = await proxy.trace(() => scenario.run(opened, n));
    await opened.close();
    return messages
      .filter((message) => message.direction === direction)
      .findLastIndex(direction === "client" ? runsStatement : answersStatement);
  }

  it.each(
    scenarios.flatMap((scenario) => moments.map((moment) => ({ name: scenario.name, scenario, ...moment }))),
  )(
    "$name, $when: both effect and ledger row, or neither",
    { timeout: 60_000 },
    async ({ scenario, ...moment }) => {
      const commit = await commitOf(scenario, moment.direction);
      const n = next++;
      await witness.seed(n);
      const opened = target.open(throughProxy(server.url, proxy));
      let killed: Promise<void> | undefined;
      let passed = 0;
      proxy.onMessage = ({ direction, phase }) => {
        if (phase !== "steady" || direction !== moment.direction) return;
        if (passed++ === commit) killed = server.kill();
      };
      const first = await settle(scenario.run(opened, n));
      proxy.onMessage = undefined;
      count(tally, opened.events, first);
      expect(killed).toBeDefined();
      await killed;
      tally.fault("server killed");
      if (!first.ok) expect(isRetryable(first.error) || first.error instanceof CallersError).toBe(true);
      await server.restart();
      const kept = (await witness.applied(n)) > 0;
      expect(kept).toBe(moment.committed);
      const again = await settle(scenario.run(opened, n));
      count(tally, [], again);
      const found = await afterwards(witness, scenario, n, first, again);
      const [answer] = again.ok ? again.value : [];
      if (answer?.status !== (kept ? "replayed" : "executed"))
        found.push(`${answer?.status}, although kept: ${kept}`);
      tally.violations += found.length;
      await opened.close();
      expect(found).toEqual([]);
    },
  );

  it("under load: every acknowledged operation is kept, every other one can be tried again", {
    timeout: 240_000,
  }, async () => {
    const bound = SCENARIOS.filter(({ joined }) => !joined);
    const wrong: string[] = [];
    for (let load = 0; load < LOADS; load++) {
      const opened = target.open(server.url, { poolMax: CLIENTS, responseMs: 2_000, waitMs: 2_000 });
      const done: { scenario: Scenario; n: number; first: Awaited<ReturnType<typeof settle>> }[] = [];
      let down = false;
      const client = async (): Promise<void> => {
        while (!down) {
          const n = next++;
          const scenario = bound[n % bound.length];
          if (scenario === undefined) return;
          await witness.seed(n).catch(() => {});
          const first = await settle(scenario.run(opened, n));
          if (!first.ok && !isRetryable(first.error)) wrong.push(`${scenario.name}: ${show(first.error)}`);
          done.push({ scenario, n, first });
        }
      };
      const clients = Array.from({ length: CLIENTS }, client);
      await new Promise((resolve) => setTimeout(resolve, 250 + 150 * load));
      down = true;
      await server.kill();
      await Promise.all(clients);
      tally.fault("server killed");
      await server.restart();
      for (const { scenario, n, first } of done) {
        count(tally, [], first);
        // What was not even seeded when the server went down proves nothing.
        if (!first.ok && (await witness.balance(n)) === 0) continue;
        const again = await settle(scenario.run(opened, n));
        const typed = first as Parameters<typeof afterwards>[3];
        const found = await afterwards(witness, scenario, n, typed, again);
        wrong.push(...found.map((what) => `${scenario.name}: ${what}`));
      }
      tally.unknowns += opened.events.filter(({ type }) => type === "unknown").length;
      await opened.close();
    }
    tally.violations += wrong.length;
    expect(wrong).toEqual([]);
    expect(await witness.unfinished()).toBe(0);
  });
});
