import { type Metric, meets, type PlannedRow, type Target } from "./plan.js";
import type { Spread } from "./statistics.js";

export interface ReportRow {
  readonly name: string;
  readonly engine: string;
  readonly client: string;
  readonly connections: number;
  readonly networkMs: number;
  /** Milliseconds that a flush was made to take; 0 for a row measured on this machine's disk as it is. */
  readonly flushMs: number;
  readonly baseline: string;
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  /** Per call; a batch of 100 is one call. */
  readonly roundTrips: number;
  readonly metric: Metric;
  readonly better: "lower" | "higher";
  readonly target: Target | null;
  readonly met: boolean | null;
}

/** A number that is no ratio of two rows: CPU time, bytes, round trips. */
export interface Measure {
  readonly name: string;
  readonly of: string;
  readonly baseline: string | null;
  readonly unit: string;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly target: Target | null;
  readonly met: boolean | null;
}

export interface Report {
  readonly mode: "quick" | "full";
  readonly engine: string;
  readonly client: string;
  readonly version: string;
  readonly durability: string;
  readonly node: string;
  readonly cores: number;
  readonly seconds: number;
  readonly rows: readonly ReportRow[];
  readonly measures: readonly Measure[];
}

export function reportRow(
  row: PlannedRow,
  place: { readonly engine: string; readonly client: string },
  ratio: Spread,
  roundTrips: number,
): ReportRow {
  const { name, connections, networkMs, flushMs, baseline, metric, target = null } = row;
  return {
    name,
    ...place,
    connections,
    networkMs,
    flushMs,
    baseline,
    ratio: rounded(ratio.median),
    low: rounded(ratio.low),
    high: rounded(ratio.high),
    roundTrips,
    metric,
    better: metric === "p50" ? "lower" : "higher",
    target,
    met: target === null ? null : meets(ratio.median, target),
  };
}

export function measure(
  given: Pick<Measure, "name" | "of" | "unit"> & {
    readonly baseline?: string;
    readonly value: number | Spread;
    readonly target?: Target;
  },
): Measure {
  const { name, of, unit, baseline = null, value, target = null } = given;
  const found = typeof value === "number" ? value : value.median;
  return {
    name,
    of,
    baseline,
    unit,
    value: rounded(found),
    low: typeof value === "number" ? null : rounded(value.low),
    high: typeof value === "number" ? null : rounded(value.high),
    target,
    met: target === null ? null : meets(found, target),
  };
}

export function missed(report: Report): readonly (ReportRow | Measure)[] {
  return [...report.rows, ...report.measures].filter(({ met }) => met === false);
}

export function markdown(report: Report): string {
  const judged = [...report.rows, ...report.measures].filter(({ met }) => met !== null);
  const met = judged.filter((each) => each.met === true).length;
  return `# opledger benchmark: ${report.engine} ${report.version} through ${report.client}

${report.mode} run of ${Math.round(report.seconds)} s on ${report.cores} cores, Node ${report.node}; ${report.durability}.

Ratios only, of two things measured in the same rounds; the spread is the 10th to the 90th percentile of the rounds.
\`p50\`: median latency divided by the baseline's, in turns of some milliseconds each, lower is better; \`mixed-p50\` the same,
call by call, so that all other calls have used the caches in between. \`throughput\`: operations per second divided by the
baseline's, higher is better; a batch counts as 100 operations. \`bare-update\` against itself is what noise alone does.
Round trips are per call, counted on the wire. Where \`flush\` names a time, the disk is simulated: the server was told to
spend that long on each flush, which concurrent commits share as they share a real one.

${table(
  [
    "name",
    "baseline",
    "conn.",
    "network",
    "flush",
    "metric",
    "ratio",
    "spread",
    "round trips",
    "target",
    "met",
  ],
  report.rows.map((row) => [
    row.name,
    row.baseline,
    String(row.connections),
    `${row.networkMs} ms`,
    row.flushMs === 0 ? "" : `${row.flushMs} ms, simulated`,
    row.metric,
    shown(row.ratio),
    `${shown(row.low)}–${shown(row.high)}`,
    String(row.roundTrips),
    goal(row.target),
    verdict(row.met),
  ]),
)}

${table(
  ["measure", "of", "over", "value", "spread", "target", "met"],
  report.measures.map((each) => [
    each.name,
    each.of,
    each.baseline ?? "",
    `${shown(each.value)} ${each.unit}`,
    each.low === null || each.high === null ? "" : `${shown(each.low)}–${shown(each.high)}`,
    goal(each.target),
    verdict(each.met),
  ]),
)}

Targets met: ${met} of ${judged.length}.
`;
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...body.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

function goal(target: Target | null): string {
  if (target === null) return "";
  return "atMost" in target ? `≤ ${shown(target.atMost)}` : `≥ ${shown(target.atLeast)}`;
}

function verdict(met: boolean | null): string {
  return met === null ? "" : met ? "yes" : "NO";
}

function shown(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toFixed(2)));
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
