/**
 * npm run bench [-- --quick] [--json FILE] [--engine postgres|mariadb|mysql|prisma|typeorm] [--flush-ms N] [--strict]
 *
 * Ratios of opledger to what it replaces, all from one run. Progress goes to stderr, the tables to stdout. A missed
 * target is no failure, since the machine may be busy, unless `--strict`. With `--flush-ms`, further rows follow in which each
 * flush of the server's log was made to take that long, as on a disk that has no cache of its own.
 */
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { startProxyProcess } from "../test/proxy/spawn.js";
import { clientCpu, countRoundTrips, STORAGE_ACCOUNTS, type StorageCost, storageCosts } from "./costs.js";
import { latencies, type Round, ratioOf, throughputs, warmUp } from "./measure.js";
import { startMysqlEngine } from "./mysql.js";
import { pgDriver } from "./pg.js";
import {
  CPU_PAIRS,
  FLUSH_MS_MAX,
  FULL,
  type Goals,
  goalsOf,
  MANY_CONNECTIONS,
  MIXED_PAIRS,
  NETWORK_MS,
  onSlowDisk,
  type Pace,
  type PlannedRow,
  planOf,
  QUICK,
} from "./plan.js";
import { startPostgresEngine } from "./postgres.js";
import { prismaDriver } from "./prisma.js";
import { type Measure, markdown, measure, missed, type Report, reportRow } from "./report.js";
import type { CallName, Engine, OpenOptions, Subject } from "./subject.js";
import { typeormDriver } from "./typeorm.js";

/** Further engines and clients: one function each. */
const ENGINES: Readonly<Record<string, () => Promise<Engine>>> = {
  postgres: () => startPostgresEngine("pg", pgDriver),
  prisma: () => startPostgresEngine("prisma", prismaDriver),
  typeorm: () => startPostgresEngine("typeorm", typeormDriver),
  mariadb: () => startMysqlEngine("mariadb"),
  mysql: () => startMysqlEngine("mysql"),
};

/** Of which each row finds its own by connections and network. */
interface Found {
  readonly rounds: ReadonlyMap<string, readonly Round[]>;
  readonly roundTrips: ReadonlyMap<CallName, number>;
  readonly measures: readonly Measure[];
}

const startedAt = performance.now();

function progress(text: string): void {
  console.error(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${text}`);
}

function setting(connections: number, networkMs: number, flushMs: number): string {
  return `${connections}/${networkMs}/${flushMs}`;
}

async function using<T>(
  engine: Engine,
  options: OpenOptions,
  use: (subject: Subject) => Promise<T>,
): Promise<T> {
  const subject = await engine.open(options);
  try {
    return await use(subject);
  } finally {
    await subject.close();
  }
}

/** The rows of a simulated disk; last of all, since it stays as slow. */
async function measureSlowDisk(
  engine: Engine,
  pace: Pace,
  flushMs: number,
  rounds: Map<string, readonly Round[]>,
): Promise<void> {
  if (engine.slowFlushes === undefined) {
    throw new TypeError(`--flush-ms: there is no way to make a flush of ${engine.name} take longer`);
  }
  await engine.slowFlushes(flushMs);
  for (const connections of [1, MANY_CONNECTIONS]) {
    await using(engine, { connections }, async (subject) => {
      progress(`${flushMs} ms per flush, simulated; connections: ${connections}`);
      await warmUp(subject, connections, pace.warmUpMs);
      const found =
        connections === 1
          ? await latencies(subject, pace.network)
          : await throughputs(subject, connections, pace.throughput);
      rounds.set(setting(connections, 0, flushMs), found);
    });
  }
}

async function measureAll(engine: Engine, pace: Pace, flushMs: number): Promise<Found> {
  const rounds = new Map<string, readonly Round[]>();
  const measures: Measure[] = [];
  const goals = goalsOf(engine);
  await using(engine, { connections: 1 }, async (subject) => {
    progress("one connection: warm-up");
    await warmUp(subject, 1, pace.warmUpMs);
    progress("one connection: latency");
    rounds.set(setting(1, 0, 0), await latencies(subject, pace.latency));
    progress("one connection: latency, call by call");
    measures.push(...mixedMeasures(subject, await latencies(subject, pace.mixed)));
    progress("one connection: CPU of the client");
    measures.push(...(await cpuMeasures(subject, pace, goals)));
  });
  await using(engine, { connections: MANY_CONNECTIONS }, async (subject) => {
    progress(`${MANY_CONNECTIONS} connections: warm-up`);
    await warmUp(subject, MANY_CONNECTIONS, pace.warmUpMs);
    progress(`${MANY_CONNECTIONS} connections: throughput`);
    const found = await throughputs(subject, MANY_CONNECTIONS, pace.throughput);
    rounds.set(setting(MANY_CONNECTIONS, 0, 0), found);
  });
  const { host, port, protocol } = engine;
  const proxy = await startProxyProcess({ host, port }, { delayMs: NETWORK_MS / 2, protocol });
  const roundTrips = await using(engine, { connections: 1, through: proxy }, async (subject) => {
    progress(`${NETWORK_MS} ms of network: warm-up, round trips`);
    await warmUp(subject, 1, pace.warmUpMs);
    const counted = await countRoundTrips(subject, proxy);
    progress(`${NETWORK_MS} ms of network: latency`);
    rounds.set(setting(1, NETWORK_MS, 0), await latencies(subject, pace.network));
    return counted;
  }).finally(() => proxy.close());
  progress("storage");
  const stored = await using(engine, { connections: 1, accounts: STORAGE_ACCOUNTS }, (subject) =>
    storageCosts(engine, subject, pace.stored),
  );
  if (flushMs > 0) await measureSlowDisk(engine, pace, flushMs, rounds);
  measures.push(onceMeasure(roundTrips, goals), ...storageMeasures(stored, goals));
  return { rounds, roundTrips, measures };
}

function mixedMeasures({ calls }: Subject, rounds: readonly Round[]): Measure[] {
  return MIXED_PAIRS.filter((pair) => pair.every((name) => calls[name] !== undefined)).map(([of, baseline]) =>
    measure({
      name: "mixed-p50",
      of,
      baseline,
      unit: "×",
      value: ratioOf({ name: of, baseline, connections: 1, metric: "p50" }, rounds),
    }),
  );
}

async function cpuMeasures(subject: Subject, pace: Pace, { cpu }: Goals): Promise<Measure[]> {
  const costs = await clientCpu(subject, pace.cpu);
  return costs.map(({ name, baseline, extra }) =>
    measure({
      name: "client-cpu",
      of: name,
      baseline,
      unit: "µs",
      value: extra,
      ...(cpu !== undefined && { target: cpu }),
    }),
  );
}

function onceMeasure(roundTrips: ReadonlyMap<CallName, number>, { onceRoundTrips }: Goals): Measure {
  return measure({
    name: "round-trips-beside-the-work",
    of: "once",
    unit: "",
    value: (roundTrips.get("once") ?? Number.NaN) - 1,
    target: onceRoundTrips,
  });
}

const PER_OPERATION = {
  "ledger-bytes": { pick: (cost: StorageCost) => cost.ledgerBytes, unit: "B/operation" },
  "log-bytes": { pick: (cost: StorageCost) => cost.logBytes, unit: "B/operation" },
  "binlog-bytes": { pick: (cost: StorageCost) => cost.binlogBytes, unit: "B/operation" },
  "rows-written": { pick: (cost: StorageCost) => cost.rowsWritten, unit: "rows/operation" },
} as const;

function storageMeasures(costs: readonly StorageCost[], goals: Goals): Measure[] {
  const logOf = (name: CallName): number => costs.find((cost) => cost.name === name)?.logBytes ?? Number.NaN;
  const bound = (of: CallName): boolean => CPU_PAIRS.some(([name]) => name === of);
  return [
    ...Object.entries(PER_OPERATION).flatMap(([name, { pick, unit }]) =>
      costs.flatMap((cost) => {
        const value = pick(cost);
        if (value === undefined) return [];
        const target = name === "rows-written" && bound(cost.name) ? { target: goals.rowsWritten } : {};
        return [measure({ name, of: cost.name, unit, value, ...target })];
      }),
    ),
    ...costs.map(({ name: of, logBytes }) =>
      measure({
        name: "log-ratio",
        of,
        baseline: "bare-update",
        unit: "×",
        value: logBytes / logOf("bare-update"),
      }),
    ),
    // The hand-written transaction updates a row; to insert one takes more of any engine.
    ...CPU_PAIRS.filter(([of]) => of !== "insert").map(([of]) =>
      measure({
        name: "log-ratio",
        of,
        baseline: "hand-written",
        unit: "×",
        value: logOf(of) / logOf("hand-written"),
        target: goals.redo,
      }),
    ),
  ];
}

async function run(engine: Engine, mode: Report["mode"], flushMs: number): Promise<Report> {
  const { name, client, version, durability } = engine;
  progress(`${name} ${version}: ${durability}`);
  const { rounds, roundTrips, measures } = await measureAll(engine, mode === "quick" ? QUICK : FULL, flushMs);
  return {
    mode,
    engine: name,
    client,
    version,
    durability,
    node: process.versions.node,
    cores: availableParallelism(),
    seconds: (performance.now() - startedAt) / 1000,
    rows: planned(engine, roundTrips, flushMs).map((row) => {
      const own = rounds.get(setting(row.connections, row.networkMs, row.flushMs)) ?? [];
      const trips = roundTrips.get(row.name) ?? Number.NaN;
      return reportRow(row, { engine: name, client }, ratioOf(row, own), trips);
    }),
    measures,
  };
}

/** The rows of what this client has. */
function planned(engine: Engine, had: ReadonlyMap<CallName, number>, flushMs: number): PlannedRow[] {
  const rows = planOf(goalsOf(engine)).filter(({ name, baseline }) => had.has(name) && had.has(baseline));
  return flushMs > 0 ? [...rows, ...onSlowDisk(rows, flushMs)] : rows;
}

const { values } = parseArgs({
  options: {
    engine: { type: "string", default: "postgres" },
    "flush-ms": { type: "string", default: "0" },
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
  },
});
const start = ENGINES[values.engine];
if (start === undefined) throw new TypeError(`--engine must be one of ${Object.keys(ENGINES).join(", ")}`);
const flushMs = Number(values["flush-ms"]);
if (!(flushMs >= 0 && flushMs <= FLUSH_MS_MAX))
  throw new TypeError(`--flush-ms must be from 0 to ${FLUSH_MS_MAX}`);
progress(`starting ${values.engine}`);
const engine = await start();
try {
  const report = await run(engine, values.quick ? "quick" : "full", flushMs);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  console.log(markdown(report));
  if (values.strict && missed(report).length > 0) process.exitCode = 1;
} finally {
  await engine.close();
  progress("done");
}
