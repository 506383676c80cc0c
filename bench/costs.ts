import type { ProxyProcess } from "../test/proxy/spawn.js";
import { CPU_PAIRS, type Pace } from "./plan.js";
import { lowerQuartile, type Spread, shuffled, spread } from "./statistics.js";
import {
  type Call,
  type CallName,
  callNamed,
  callNames,
  type Engine,
  operationsOf,
  type Subject,
} from "./subject.js";

const COUNTED_CALLS = 20;

/** Round trips of one call, as the proxy saw them. Everything must be prepared by then. */
export async function countRoundTrips(
  subject: Subject,
  proxy: ProxyProcess,
): Promise<ReadonlyMap<CallName, number>> {
  const counts = new Map<CallName, number>();
  for (const name of callNames(subject)) {
    await proxy.resetCounters();
    for (let call = 0; call < COUNTED_CALLS; call += 1) await callNamed(subject, name)();
    counts.set(name, (await proxy.roundTrips()) / COUNTED_CALLS);
  }
  return counts;
}

export interface CpuCost {
  readonly name: CallName;
  readonly baseline: CallName;
  /** Microseconds of this process per operation, beyond the baseline's: of the quieter blocks, and the spread of all. */
  readonly extra: Spread;
  readonly baselineMicroseconds: number;
}

/** CPU time of this process, all its threads, over what the driver itself takes for the bare write. */
export async function clientCpu(subject: Subject, { rounds, blockMs }: Pace["cpu"]): Promise<CpuCost[]> {
  const spent = new Map<CallName, number[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const name of shuffled([...new Set(CPU_PAIRS.flat())])) {
      const microseconds = await cpuOf(callNamed(subject, name), blockMs);
      spent.set(name, [...(spent.get(name) ?? []), microseconds]);
    }
  }
  return CPU_PAIRS.map(([name, baseline]) => {
    const own = spent.get(name) ?? [];
    const bare = spent.get(baseline) ?? [];
    const differences = own.map((microseconds, round) => microseconds - (bare[round] ?? Number.NaN));
    return {
      name,
      baseline,
      // A busy neighbour makes the same work take more CPU time, and never less.
      extra: { ...spread(differences), median: lowerQuartile(own) - lowerQuartile(bare) },
      baselineMicroseconds: spread(bare).median,
    };
  });
}

async function cpuOf(call: Call, blockMs: number): Promise<number> {
  const endsAt = performance.now() + blockMs;
  const before = process.cpuUsage();
  let calls = 0;
  while (performance.now() < endsAt) {
    await call();
    calls += 1;
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

export interface StorageCost {
  readonly name: CallName;
  readonly logBytes: number;
  readonly binlogBytes?: number;
  readonly rowsWritten?: number;
  /** Absent where the call keeps no ledger, or adds nothing to it. */
  readonly ledgerBytes?: number;
}

/** Few rows, which the warm-up touches all: no page is written to the log in full for the first time afterwards. */
export const STORAGE_ACCOUNTS = 200;

const STORED: readonly CallName[] = [
  "bare-update",
  "bare-insert",
  "hand-written",
  "increment",
  "insert",
  "compare-and-set",
  "once",
  "replay",
  "batch-100",
];
const KEEPS_NOTHING = new Set<CallName>(["bare-update", "bare-insert", "replay"]);

export async function storageCosts(
  engine: Engine,
  subject: Subject,
  operations: number,
): Promise<StorageCost[]> {
  const costs: StorageCost[] = [];
  await engine.checkpoint();
  await repeat(callNamed(subject, "bare-update"), STORAGE_ACCOUNTS);
  const names = new Set(callNames(subject));
  for (const name of STORED.filter((each) => names.has(each))) {
    const ledger = name === "hand-written" ? "hand-written" : "opledger";
    const counters = {
      logBytes: () => engine.logBytes(),
      ...(engine.binlogBytes !== undefined && { binlogBytes: engine.binlogBytes }),
      ...(engine.rowsWritten !== undefined && { rowsWritten: engine.rowsWritten }),
      ...(!KEEPS_NOTHING.has(name) && { ledgerBytes: () => engine.ledgerBytes(ledger) }),
    };
    const body = (): Promise<void> => repeat(callNamed(subject, name), operations / operationsOf(name));
    const grown = await growth(counters, body, operations);
    costs.push({ name, ...grown });
  }
  return costs;
}

/** By how much each counter grows per operation while `body` runs. */
async function growth<K extends string>(
  counters: Readonly<Partial<Record<K, () => Promise<number>>>>,
  body: () => Promise<void>,
  operations: number,
): Promise<Record<K, number>> {
  const readings = async (): Promise<[string, number][]> => {
    const all: [string, number][] = [];
    // One after the other and in the same order, so that none sees what reading another writes.
    for (const [name, read] of Object.entries<(() => Promise<number>) | undefined>(counters)) {
      if (read !== undefined) all.push([name, await read()]);
    }
    return all;
  };
  const before = new Map(await readings());
  await body();
  const grown = (await readings()).map(([name, value]) => [
    name,
    (value - (before.get(name) ?? 0)) / operations,
  ]);
  return Object.fromEntries(grown) as Record<K, number>;
}

async function repeat(call: Call, times: number): Promise<void> {
  for (let done = 0; done < times; done += 1) await call();
}
