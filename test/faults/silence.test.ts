import { afterAll, beforeAll, expect, it } from "vitest";
import type { Server } from "../servers/types.js";
import { count, isRetryable, settle, show } from "./check.js";
import { eachTarget, serverFor } from "./databases.js";
import { tallyOf } from "./figures.js";
import { SCENARIOS } from "./scenarios.js";
import { CallersError, type Witness } from "./target.js";

const tally = tallyOf("silence");

eachTarget("the server stops answering", (target) => {
  let server: Server;
  let witness: Witness;

  beforeAll(async () => {
    server = await serverFor(target, false);
    witness = await target.prepare(server.url);
  });
  afterAll(async () => {
    server?.resume();
    await witness?.close();
    await server?.stop();
  });

  it("every call ends typed and bounded; after the server is back the same key tells", {
    timeout: 60_000,
  }, async () => {
    const all = SCENARIOS.map((scenario, index) => ({ scenario, n: index + 1 }));
    const opened = target.open(server.url, {
      ...{ waitMs: 100, responseMs: 200, workTimeoutMs: 400, poolMax: SCENARIOS.length },
      backoff: { attemptsMax: 2, baseMs: 1 },
    });
    for (const { n } of all) await witness.seed(n);
    // Connections that are open already: the silence is to meet the statements, not only the login.
    await opened.warm(all.length);
    server.pause();
    const ends = await Promise.all(
      all.map(async ({ scenario, n }) => ({
        scenario,
        n,
        ended: await settle(scenario.run(opened, n), 15_000),
      })),
    );
    server.resume();
    tally.fault("server stopped");
    const wrong: string[] = [];
    for (const { scenario, n, ended } of ends) {
      count(tally, [], ended);
      if (ended.ok) wrong.push(`${scenario.name}: succeeded without a server`);
      else if (!isRetryable(ended.error) && !(ended.error instanceof CallersError)) {
        wrong.push(`${scenario.name}: ${show(ended.error)}`);
      }
      let again = await settle(scenario.run(opened, n));
      if (!again.ok && isRetryable(again.error)) again = await settle(scenario.run(opened, n));
      if (!again.ok) wrong.push(`${scenario.name} again: ${show(again.error)}`);
      else
        tally.resolution(again.value.every(({ status }) => status === "replayed") ? "replayed" : "executed");
      const applied = await witness.applied(n);
      if (applied !== scenario.applied) wrong.push(`${scenario.name}: ${applied} changes`);
    }
    tally.unknowns += opened.events.filter(({ type }) => type === "unknown").length;
    tally.violations += wrong.length;
    expect(wrong).toEqual([]);
    expect(await opened.leak()).toBeUndefined();
    await opened.close();
  });
});
