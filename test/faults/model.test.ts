import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, it } from "vitest";
import { settle, show } from "./check.js";
import { databaseFor, eachTarget } from "./databases.js";
import { tallyOf } from "./figures.js";
import { seedOf } from "./random.js";
import type { Meddler, Opened } from "./target.js";

const LONG = process.env.OPLEDGER_PROOF === "long";
const RUNS = LONG ? 1_000 : 60;
/** Long against a command's time, short against a test's. */
const RETENTION_MS = 60_000;

const tally = tallyOf("model");

/** What the ledger must hold, by key. */
interface Model {
  readonly known: Map<string, { readonly payload: number; readonly value: number }>;
  /** Effects committed, by key. */
  readonly effects: Map<string, number>;
  runs: number;
}

interface Real {
  readonly opened: Opened<unknown>;
  readonly witness: Meddler;
  readonly scope: string;
  readonly cell: (key: string) => number;
}

type Command = fc.AsyncCommand<Model, Real>;

const KEYS = ["a", "b", "c"] as const;

class Execute implements Command {
  constructor(
    readonly key: string,
    readonly payload: number,
    readonly duplicates: number,
    readonly fails: boolean,
  ) {}

  check = (): boolean => true;

  async run(model: Model, { opened, scope, cell }: Real): Promise<void> {
    const { key, payload, fails, duplicates } = this;
    const known = model.known.get(key);
    const value = ++model.runs;
    let ran = 0;
    const once = (): Promise<{ status: string; value: number }> =>
      opened.ledger.once({ operation: "model", scope, key, payload }, async (tx) => {
        ran += 1;
        await opened.effect(tx, cell(key));
        if (fails) throw new Error("declined");
        return value;
      });
    const ends = await Promise.all(Array.from({ length: duplicates }, () => settle(once())));
    tally.operations += duplicates;
    tally.attempts += duplicates;
    const said = ends.map((end) => (end.ok ? `${end.value.status} ${end.value.value}` : show(end.error)));
    const expect = (all: readonly string[]): void => {
      if (JSON.stringify(said.sort()) !== JSON.stringify([...all].sort())) {
        throw new Error(`${String(this)} said ${said.join(", ")}; expected ${all.join(", ")}`);
      }
    };
    if (known !== undefined && known.payload !== payload) {
      if (ran > 0 || !said.every((text) => text.includes("FINGERPRINT_MISMATCH"))) {
        throw new Error(`${String(this)} was no mismatch: ${said.join(", ")}`);
      }
    } else if (known !== undefined) {
      expect(said.map(() => `replayed ${known.value}`));
    } else if (fails) {
      expect(said.map(() => "Error declined"));
    } else {
      expect(said.map((_, index) => (index === 0 ? `executed ${value}` : `replayed ${value}`)));
      model.known.set(key, { payload, value });
      model.effects.set(key, (model.effects.get(key) ?? 0) + 1);
    }
  }

  toString = (): string =>
    `execute(${this.key}, ${this.payload}, x${this.duplicates}${this.fails ? ", fails" : ""})`;
}

/** Moves a key past its retention, as time would. */
class Expire implements Command {
  constructor(readonly key: string) {}
  check = (model: Model): boolean => model.known.has(this.key);
  async run(model: Model, { witness, scope }: Real): Promise<void> {
    await witness.expire(scope, this.key);
    await sleep(2);
    model.known.delete(this.key);
  }
  toString = (): string => `expire(${this.key})`;
}

class Sweep implements Command {
  constructor(readonly batch: number) {}
  check = (): boolean => true;
  async run(model: Model, { opened, witness, scope }: Real): Promise<void> {
    await opened.ledger.sweep({ batch: this.batch });
    const left = (await witness.keys(scope)).join();
    const expected = [...model.known.keys()].sort().join();
    if (left !== expected) throw new Error(`sweep left ${left}, not ${expected}`);
  }
  toString = (): string => `sweep(${this.batch})`;
}

class Inspect implements Command {
  constructor(readonly key: string) {}
  check = (): boolean => true;
  async run(model: Model, { opened, scope, witness, cell }: Real): Promise<void> {
    const seen = await opened.ledger.inspect({ operation: "model", scope, key: this.key });
    const value = seen === undefined || seen.expired ? undefined : seen.value;
    const known = model.known.get(this.key)?.value;
    if (value !== known) throw new Error(`inspect saw ${String(value)}, not ${String(known)}`);
    const effects = await witness.applied(cell(this.key));
    if (effects !== (model.effects.get(this.key) ?? 0)) throw new Error(`${effects} effects of ${this.key}`);
  }
  toString = (): string => `inspect(${this.key})`;
}

const key = fc.constantFrom(...KEYS);
const COMMANDS: fc.Arbitrary<Command>[] = [
  fc
    .tuple(key, fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 4 }), fc.boolean())
    .map(([...given]) => new Execute(...given)),
  key.map((each) => new Expire(each)),
  fc.integer({ min: 1, max: 3 }).map((batch) => new Sweep(batch)),
  key.map((each) => new Inspect(each)),
];

eachTarget("any order of calls is what the model says", (target) => {
  let database: { url: string; drop(): Promise<void> };
  let witness: Meddler;
  let opened: Opened<unknown>;

  beforeAll(async () => {
    database = await databaseFor(target);
    witness = await target.prepare(database.url);
    opened = target.open(database.url, { retentionMs: RETENTION_MS });
  });
  afterAll(async () => {
    await opened?.close();
    await witness?.close();
    await database?.drop();
  });

  it("holds", { timeout: LONG ? 600_000 : 60_000 }, async () => {
    const seed = seedOf("OPLEDGER_MODEL_SEED");
    tally.seeds.push(seed);
    console.log(`model: seed ${seed} (rerun with OPLEDGER_MODEL_SEED=${seed})`);
    let world = 0;
    const property = fc.asyncProperty(
      fc.commands(COMMANDS, { maxCommands: 40, size: "max" }),
      async (commands) => {
        world += 1;
        const first = world * 10;
        const cell = (name: string): number => first + name.charCodeAt(0) - 97;
        const setup = (): { model: Model; real: Real } => ({
          model: { known: new Map(), effects: new Map(), runs: 0 },
          real: { opened, witness, scope: `world-${first}`, cell },
        });
        await fc.asyncModelRun(setup, commands);
      },
    );
    try {
      await fc.assert(property, { seed, numRuns: RUNS });
    } catch (error) {
      tally.violations += 1;
      throw error;
    }
  });
});
