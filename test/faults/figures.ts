import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeEach } from "vitest";

/** What one test file, or a whole run, came to. */
export interface Figures {
  readonly operations: number;
  readonly attempts: number;
  /** How often each type of fault was made to happen. */
  readonly faults: Readonly<Record<string, number>>;
  /** Attempts whose connection broke where the server may have committed. */
  readonly unknowns: number;
  /** How calls with an unknown attempt ended: by themselves as executed or replayed, or as an error. */
  readonly resolved: Readonly<Record<string, number>>;
  readonly violations: number;
  readonly mutants: { readonly caught: number; readonly of: number };
  readonly seeds: readonly number[];
}

type Counters = Record<string, number>;

const CACHE = fileURLToPath(new URL("../../.cache/", import.meta.url));
const HERE = fileURLToPath(new URL("./", import.meta.url));
/** The same in all workers of one run, another one in the next run. */
const RUN = `faults-${process.ppid}`;

/** Counts while a test file runs, and adds what it counted to the run's report at the end. */
export class Tally {
  operations = 0;
  attempts = 0;
  unknowns = 0;
  violations = 0;
  mutants: Figures["mutants"] = { caught: 0, of: 0 };
  readonly seeds: number[] = [];
  readonly #faults: Counters = {};
  readonly #resolved: Counters = {};

  fault(type: string, times = 1): void {
    this.#faults[type] = (this.#faults[type] ?? 0) + times;
  }

  resolution(ending: string): void {
    this.#resolved[ending] = (this.#resolved[ending] ?? 0) + 1;
  }

  figures(): Figures {
    const { operations, attempts, unknowns, violations, mutants, seeds } = this;
    return {
      ...{ operations, attempts, unknowns, violations, mutants, seeds },
      faults: this.#faults,
      resolved: this.#resolved,
    };
  }

  /** Writes this file's part and the sum of all parts so far; prints the sum once every test file has its part. */
  write(part: string): void {
    const folder = `${CACHE}${RUN}/`;
    mkdirSync(folder, { recursive: true });
    forgetOldRuns();
    writeFileSync(`${folder}${part}.json`, JSON.stringify(this.figures()));
    const parts = readdirSync(folder).map(
      (file) => JSON.parse(readFileSync(folder + file, "utf8")) as Figures,
    );
    const sum = total(parts);
    writeFileSync(`${CACHE}report.json`, `${JSON.stringify(sum, null, 2)}\n`);
    console.log(`${part}: ${describeFigures(this.figures())}`);
    const files = readdirSync(HERE, { recursive: true, encoding: "utf8" });
    if (parts.length < files.filter((file) => file.endsWith(".test.ts")).length) return;
    console.log(`All faults: ${describeFigures(sum)}\nWritten to .cache/report.json`);
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The tally of a test file, written once its tests are done. A test that fails without having counted what it found
 * counts as one violation, so that a report of none means that all passed.
 */
export function tallyOf(part: string): Tally {
  const tally = new Tally();
  let before = 0;
  beforeEach(() => {
    before = tally.violations;
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail" && tally.violations === before) tally.violations += 1;
  });
  afterAll(() => tally.write(part));
  return tally;
}

/** A run of some files only leaves its parts behind. */
function forgetOldRuns(): void {
  const old = readdirSync(CACHE).filter((name) => name.startsWith("faults-") && name !== RUN);
  for (const name of old) rmSync(CACHE + name, { recursive: true, force: true });
}

function total(parts: readonly Figures[]): Figures {
  const sum = (pick: (part: Figures) => number): number => parts.reduce((all, part) => all + pick(part), 0);
  return {
    operations: sum((part) => part.operations),
    attempts: sum((part) => part.attempts),
    faults: merge(parts.map((part) => part.faults)),
    unknowns: sum((part) => part.unknowns),
    resolved: merge(parts.map((part) => part.resolved)),
    violations: sum((part) => part.violations),
    mutants: { caught: sum((part) => part.mutants.caught), of: sum((part) => part.mutants.of) },
    seeds: parts.flatMap((part) => part.seeds),
  };
}

function merge(counters: readonly Readonly<Counters>[]): Counters {
  const merged: Counters = {};
  for (const [name, times] of counters.flatMap((each) => Object.entries(each))) {
    merged[name] = (merged[name] ?? 0) + times;
  }
  return merged;
}

export function describeFigures({ faults, resolved, mutants, ...rest }: Figures): string {
  const list = (counters: Readonly<Counters>): string =>
    Object.entries(counters)
      .map(([name, times]) => `${name} ${times}`)
      .join(", ") || "none";
  return (
    `${rest.operations} operations in ${rest.attempts} attempts; faults: ${list(faults)}; ` +
    `${rest.unknowns} unknown attempts, whose calls ended: ${list(resolved)}; ${rest.violations} violations` +
    (mutants.of === 0 ? "" : `; ${mutants.caught} of ${mutants.of} mutants caught`) +
    (rest.seeds.length === 0 ? "" : `; seeds ${rest.seeds.join(", ")}`)
  );
}
