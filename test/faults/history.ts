import type { OperationRef } from "../../src/core/operation.js";
import { canonical, storedDiffers } from "./check.js";
import type { Answer } from "./scenarios.js";
import type { Witness } from "./target.js";

/** What a history is held against. */
type Judge = Pick<Witness, "applied" | "counted" | "increments" | "stored" | "unfinished">;

interface Told extends Answer {
  readonly operation: string;
  readonly key: string;
}

interface Attempts {
  readonly counter: number;
  readonly ref: OperationRef;
  readonly told: Told[];
  failed: number;
}

/** Everything that callers were told, to be compared with what the database holds at the end. */
export class History {
  readonly #byKey = new Map<number, Attempts>();
  acknowledged = 0;

  keys(): number[] {
    return [...this.#byKey.keys()];
  }

  async record(
    key: number,
    counter: number,
    ref: OperationRef,
    run: () => Promise<unknown>,
  ): Promise<unknown> {
    const attempts = this.#byKey.get(key) ?? { counter, ref, told: [], failed: 0 };
    this.#byKey.set(key, attempts);
    try {
      const answer = await run();
      const outcomes = Array.isArray(answer) ? answer : [answer];
      for (const [index, outcome] of outcomes.entries()) {
        const { status, effect, value, error } = outcome as Told & { error?: Error };
        if (error !== undefined) throw error;
        const { operation } = ref;
        attempts.told.push({ operation, key: index === 0 ? ref.key : `${ref.key}-b`, status, effect, value });
      }
      this.acknowledged += 1;
      return answer;
    } catch (error) {
      attempts.failed += 1;
      throw error;
    }
  }

  /** What is wrong, once nothing runs any more and every key has been run a last time. */
  async check(witness: Judge, counters: number): Promise<string[]> {
    const found: string[] = [];
    for (let counter = 10; counter < 10 + counters; counter++)
      found.push(...(await this.#counter(witness, counter)));
    for (const [key, { told, ref }] of this.#byKey) {
      if (ref.operation === "load-1" || ref.operation === "load-2") {
        const effects = await witness.applied(1_000 + key);
        if (effects !== 1) found.push(`${effects} effects for ${ref.key}`);
      }
      found.push(...(await wrongTold(witness, told)));
    }
    if ((await witness.unfinished()) > 0) found.push("an unfinished claim was committed");
    return found;
  }

  /** acked <= counter <= acked + unknown, and counter = sum of the ledger's deltas. */
  async #counter(witness: Judge, counter: number): Promise<string[]> {
    const value = await witness.counted(counter);
    const keys = [...this.#byKey.values()].filter(
      (each) => each.counter === counter && /-[03]$/.test(each.ref.operation),
    );
    const size = ({ ref }: Attempts): number => (ref.operation === "load-3" ? 2 : 1);
    const sum = (list: Attempts[]): number => list.reduce((all, each) => all + size(each), 0);
    const acked = sum(keys.filter(({ told }) => told.length > 0));
    const unknown = sum(keys.filter(({ told }) => told.length === 0));
    const names = keys.flatMap(({ ref }) => [ref.key, `${ref.key}-b`]);
    const deltas = await witness.increments(names);
    const found: string[] = [];
    if (value < acked || value > acked + unknown)
      found.push(`counter ${value}, acked ${acked}, unknown ${unknown}`);
    if (value !== deltas) found.push(`counter ${value}, but the ledger has ${deltas} increments`);
    return found;
  }
}

async function wrongTold(witness: Judge, told: readonly Told[]): Promise<string[]> {
  const found: string[] = [];
  for (const key of new Set(told.map((each) => each.key))) {
    const all = told.filter((each) => each.key === key);
    const [first] = all;
    if (first === undefined) continue;
    const executed = all.filter(({ status }) => status === "executed").length;
    if (executed > 1) found.push(`${key} was executed ${executed} times`);
    const values = new Set(all.map(({ effect, value }) => canonical([effect, value])));
    if (values.size > 1) found.push(`${key} was told ${[...values].join(" and ")}`);
    const [row] = await witness.stored(first.operation, key);
    const differs = row === undefined ? "acknowledged, but not stored" : storedDiffers(row.result, first);
    if (differs !== undefined) found.push(`${key}: ${differs}`);
  }
  return found;
}
