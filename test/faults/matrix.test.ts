import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cutPoints, type Fault, type FaultProxy, throughProxy } from "../proxy/proxy.js";
import { afterwards, count, endedBadly, isRetryable, settle, show } from "./check.js";
import { databaseFor, isHere, proxyFor } from "./databases.js";
import { tallyOf } from "./figures.js";
import { SCENARIOS, type Scenario } from "./scenarios.js";
import { CallersError, type OpenOptions, type Target, type Witness } from "./target.js";
import { TARGETS } from "./targets/index.js";
import { pgPipelineTarget } from "./targets/pg.js";

const LONG = process.env.OPLEDGER_PROOF === "long";
/** A second way to send is tried where it differs: several statements in one go, one alone, and joined. */
const WAYS: readonly { target: Target; scenarios: readonly Scenario[] }[] = [
  ...TARGETS.map((target) => ({ target, scenarios: SCENARIOS })),
  {
    target: pgPipelineTarget,
    scenarios: LONG
      ? SCENARIOS
      : SCENARIOS.filter(({ name }) => ["once", "increment", "within"].includes(name)),
  },
];

type How = Fault["how"];
type Point = ReturnType<typeof cutPoints>[number];

const tally = tallyOf("matrix");

/** Which of a scenario's cut points are tried: all of them with `reset`, a sample otherwise. */
function sample(points: readonly Point[], how: How): readonly Point[] {
  if (how === "reset" || LONG) return points;
  if (how === "fin") return points.filter(({ moment }) => moment === "before");
  const silent = points.filter(({ moment }) => moment === "before");
  const step = Math.max(1, Math.floor(silent.length / 4));
  return silent.filter((_, index) => index % step === step - 1);
}

const PATIENT: OpenOptions = { waitMs: 3_000, responseMs: 3_000, workTimeoutMs: 4_000 };
const HASTY: OpenOptions = { waitMs: 150, responseMs: 100, workTimeoutMs: 250, backoff: { attemptsMax: 3 } };

for (const { target, scenarios } of WAYS) {
  describe.skipIf(!isHere(target))(`${target.name}: the connection is cut at every message`, () =>
    matrix(target, scenarios),
  );
}

function matrix(target: Target, scenarios: readonly Scenario[]): void {
  let database: { url: string; drop(): Promise<void> };
  let witness: Witness;
  let proxy: FaultProxy;
  let next = 1;
  /** Cells whose message did not come a second time, so that nothing was cut. */
  let missed = 0;

  beforeAll(async () => {
    database = await databaseFor(target);
    witness = await target.prepare(database.url);
    proxy = await proxyFor(target, database.url);
  });
  afterAll(async () => {
    await proxy?.close();
    await witness?.close();
    await database?.drop();
  });

  async function trace(scenario: Scenario): Promise<Point[]> {
    const n = next++;
    await witness.seed(n);
    const opened = target.open(throughProxy(database.url, proxy), PATIENT);
    const messages = await proxy.trace(() => scenario.run(opened, n));
    await opened.close();
    const points = cutPoints(messages);
    // One row is like another: of those that follow one another only the first is cut.
    const repeated = (at: number): boolean =>
      messages[at]?.name === "Data" && messages[at - 1]?.name === "Data";
    return LONG
      ? points
      : points.filter((_, at) => !repeated(Math.floor((at * messages.length) / points.length)));
  }

  /** Runs the scenario with one cut, then again with the same key, and says what was wrong. */
  async function cell(scenario: Scenario, point: Point, how: How): Promise<string[]> {
    const n = next++;
    await witness.seed(n);
    const opened = target.open(throughProxy(database.url, proxy), how === "blackhole" ? HASTY : PATIENT);
    proxy.arm({ ...point, how });
    const first = await settle(scenario.run(opened, n));
    proxy.disarm();
    count(tally, opened.events, first);
    if (proxy.fired) tally.fault(how);
    else missed += 1;
    const found = endedBadly(scenario, opened, first);
    if (!scenario.joined && how !== "blackhole" && !first.ok)
      found.push(`not resolved: ${show(first.error)}`);
    if (!first.ok && !(first.error instanceof CallersError) && !isRetryable(first.error)) {
      found.push(`untyped: ${show(first.error)}`);
    }
    const leak = await opened.leak();
    if (leak !== undefined) found.push(leak);
    proxy.releaseBlackholes();
    let again = await settle(scenario.run(opened, n));
    // The caller's own BEGIN may meet a connection of the pool that has died since: he, too, tries again.
    if (!again.ok && again.error instanceof CallersError) again = await settle(scenario.run(opened, n));
    count(tally, [], again);
    found.push(...(await afterwards(witness, scenario, n, first, again)));
    const left = await opened.leak();
    if (left !== undefined) found.push(`after the second run: ${left}`);
    await opened.close();
    tally.violations += found.length;
    return found.map((what) => `${scenario.name}, ${how} ${point.label}: ${what}`);
  }

  describe.each(scenarios)("$name", (scenario) => {
    it.each<How>(["reset", "fin", "blackhole"])("%s", { timeout: LONG ? 600_000 : 120_000 }, async (how) => {
      const points = sample(await trace(scenario), how);
      expect(points.length).toBeGreaterThan(3);
      const violations: string[] = [];
      missed = 0;
      for (const point of points) violations.push(...(await cell(scenario, point, how)));
      expect(violations).toEqual([]);
      if (how === "reset") expect(missed / points.length).toBeLessThan(0.1);
    });
  });

  it("leaves no claim behind", async () => {
    expect(await witness.unfinished()).toBe(0);
  });
}
