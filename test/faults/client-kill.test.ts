import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Message } from "../proxy/messages.js";
import {
  answersStatement,
  type FaultProxy,
  formatMessage,
  runsStatement,
  throughProxy,
} from "../proxy/proxy.js";
import { afterwards, count, settle } from "./check.js";
import { databaseFor, eachTarget, proxyFor } from "./databases.js";
import { tallyOf } from "./figures.js";
import type { Task } from "./programs/worker.js";
import { ONCE, SCENARIOS, type Scenario } from "./scenarios.js";
import type { Witness } from "./target.js";

const LONG = process.env.OPLEDGER_PROOF === "long";
const WORKER = fileURLToPath(new URL("programs/worker.ts", import.meta.url));

const tally = tallyOf("client-kill");

/** Workers start slowly, so the next one gets ready while the one before it dies. */
class Workers {
  readonly #all = new Set<ChildProcess>();
  #next = this.#start();

  async take(): Promise<ChildProcess> {
    const child = await this.#next;
    this.#next = this.#start();
    return child;
  }

  async close(): Promise<void> {
    await this.#next.catch(() => {});
    for (const child of this.#all) child.kill("SIGKILL");
  }

  async #start(): Promise<ChildProcess> {
    const child = fork(WORKER, [], { execArgv: ["--import", "tsx"] });
    this.#all.add(child);
    child.once("exit", () => this.#all.delete(child));
    await once(child, "message");
    return child;
  }
}

/** Where a process is killed: when its `index`th message of a direction passes. */
interface Step {
  readonly message: Message;
  readonly index: number;
}

/** For `once` every statement sent and every answer; for the others, what matters: the write sent, and answered. */
function steps(trace: readonly Message[], scenario: Scenario): Step[] {
  const seen = { client: 0, server: 0 };
  const all = trace.map((message) => ({ message, index: seen[message.direction]++ }));
  if (LONG) return all;
  const wanted = all.filter(({ message }) => runsStatement(message) || answersStatement(message));
  return scenario === ONCE ? wanted : [wanted.at(0), wanted.at(-1)].flatMap((step) => step ?? []);
}

eachTarget("the client process is killed", (target) => {
  let database: { url: string; drop(): Promise<void> };
  let witness: Witness;
  let proxy: FaultProxy;
  let workers: Workers;
  let next = 1;

  beforeAll(async () => {
    database = await databaseFor(target);
    witness = await target.prepare(database.url);
    proxy = await proxyFor(target, database.url);
    workers = new Workers();
  });
  afterAll(async () => {
    await workers?.close();
    await proxy?.close();
    await witness?.close();
    await database?.drop();
  });

  async function trace(scenario: Scenario): Promise<Message[]> {
    const n = next++;
    await witness.seed(n);
    const opened = target.open(throughProxy(database.url, proxy));
    const messages = await proxy.trace(() => scenario.run(opened, n));
    await opened.close();
    return messages;
  }

  async function cell(scenario: Scenario, step: Step): Promise<string[]> {
    const n = next++;
    await witness.seed(n);
    const child = await workers.take();
    const gone = once(child, "exit");
    let passed = 0;
    proxy.onMessage = ({ direction, phase }) => {
      if (phase !== "steady" || direction !== step.message.direction) return;
      if (passed++ === step.index) child.kill("SIGKILL");
    };
    child.send({
      target: target.name,
      url: throughProxy(database.url, proxy),
      scenario: scenario.name,
      n,
    } satisfies Task);
    const [, signal] = await gone;
    proxy.onMessage = undefined;
    tally.fault("client killed");
    const opened = target.open(database.url);
    const again = await settle(scenario.run(opened, n));
    count(tally, opened.events, again);
    const found = await afterwards(witness, scenario, n, { ok: false, error: "killed" }, again);
    if (signal !== "SIGKILL") found.push(`ended by ${String(signal)}`);
    await opened.close();
    tally.violations += found.length;
    return found.map((what) => `${scenario.name}, killed at ${formatMessage(step.message)}: ${what}`);
  }

  it.each(SCENARIOS)("$name", { timeout: LONG ? 600_000 : 60_000 }, async (scenario) => {
    const chosen = steps(await trace(scenario), scenario);
    expect(chosen.length).toBeGreaterThanOrEqual(2);
    const violations: string[] = [];
    for (const step of chosen) violations.push(...(await cell(scenario, step)));
    expect(violations).toEqual([]);
    expect(await witness.unfinished()).toBe(0);
  });
});
