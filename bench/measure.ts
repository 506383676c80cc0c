import { AGAIN, type Contestant, type Pace, type PlannedRow } from "./plan.js";
import { median, type Spread, shuffled, spread } from "./statistics.js";
import { type Call, callNamed, callNames, operationsOf, type Subject } from "./subject.js";

/** One number per contestant, of one round: a latency in milliseconds, or calls per second. */
export type Round = ReadonlyMap<Contestant, number>;

/** Fewer say nothing about the spread. */
const ROUNDS_MIN = 3;

function contestantsOf(subject: Subject): readonly Contestant[] {
  return [AGAIN, ...callNames(subject)];
}

function callOf(subject: Subject, contestant: Contestant): Call {
  return callNamed(subject, contestant === AGAIN ? "bare-update" : contestant);
}

/**
 * Median latencies of one caller. The contestants take turns of `turnMs` in a new order each time, so that a slow disk or a
 * busy neighbour meets all of them alike; of 0, call by call, so that each comes to caches that all the others have used.
 */
export async function latencies(
  subject: Subject,
  { rounds, roundMs, turnMs }: Pace["latency"],
): Promise<Round[]> {
  const contestants = contestantsOf(subject);
  const found: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const times = new Map<Contestant, number[]>(contestants.map((each) => [each, []]));
    const endsAt = performance.now() + roundMs;
    do {
      for (const each of shuffled(contestants))
        await takeTurn(callOf(subject, each), turnMs, times.get(each) ?? []);
    } while (performance.now() < endsAt);
    found.push(new Map([...times].map(([each, taken]) => [each, median(taken)])));
  }
  return found;
}

async function takeTurn(call: Call, turnMs: number, times: number[]): Promise<void> {
  const endsAt = performance.now() + turnMs;
  do {
    const startedAt = performance.now();
    await call();
    times.push(performance.now() - startedAt);
  } while (performance.now() < endsAt);
}

/** Calls per second of many callers at once. Each round gives every contestant one block, in a new order. */
export async function throughputs(
  subject: Subject,
  callers: number,
  { rounds, blockMs, limitMs }: Pace["throughput"],
): Promise<Round[]> {
  const found: Round[] = [];
  const endsAt = performance.now() + limitMs;
  for (let round = 0; round < rounds; round += 1) {
    if (round >= ROUNDS_MIN && performance.now() > endsAt) break;
    const rates = new Map<Contestant, number>();
    for (const each of shuffled(contestantsOf(subject))) {
      rates.set(each, await rate(callOf(subject, each), callers, blockMs));
    }
    found.push(rates);
  }
  return found;
}

async function rate(call: Call, callers: number, blockMs: number): Promise<number> {
  const startedAt = performance.now();
  let calls = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() - startedAt < blockMs) {
      await call();
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return calls / (performance.now() - startedAt);
}

/** Enough calls of everything for the client to be compiled, the statements prepared and their plans settled. */
export async function warmUp(subject: Subject, callers: number, ms: number): Promise<void> {
  const names = callNames(subject);
  for (const name of names) await rate(callNamed(subject, name), callers, ms / names.length);
}

/** The row's ratio in each round, and what the rounds together say. */
export function ratioOf(
  row: Pick<PlannedRow, "name" | "baseline" | "connections" | "metric">,
  rounds: readonly Round[],
): Spread {
  const measured: Contestant = row.name === row.baseline ? AGAIN : row.name;
  const operations = operationsOf(row.name) / operationsOf(row.baseline);
  return spread(
    rounds.map((round) => {
      const own = round.get(measured) ?? Number.NaN;
      const baseline = round.get(row.baseline) ?? Number.NaN;
      if (row.metric === "p50") return own / baseline;
      // A single caller's rounds hold latencies, of which throughput is the inverse.
      return operations * (row.connections === 1 ? baseline / own : own / baseline);
    }),
  );
}
