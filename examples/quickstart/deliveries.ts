/** What a client asks for. Amounts are integer cents. */
export interface Charge {
  readonly id: string;
  readonly customer: string;
  readonly amountCents: bigint;
}

/** Where a worker process dies: its effect done and nothing committed, or COMMIT sent and its answer not read. */
export type DeathPoint = "before-commit" | "during-commit";

/** What reaches the service next for one charge. A charge's steps follow each other; those of many overlap. */
export type Step =
  | { readonly type: "burst"; readonly charge: Charge; readonly copies: number }
  | { readonly type: "death"; readonly charge: Charge; readonly at: DeathPoint };

export interface Plan {
  readonly charges: readonly Charge[];
  readonly customers: readonly string[];
  readonly steps: readonly Step[];
  /** How many deliveries come one at a time, together with a duplicate, or to a worker that is killed. */
  readonly mix: { readonly single: number; readonly concurrent: number; readonly killed: number };
}

export const CHARGES = 500;
export const DELIVERIES = 2_000;
const CUSTOMERS = 20;
const DEATHS: readonly DeathPoint[] = [
  ...Array<DeathPoint>(6).fill("before-commit"),
  ...Array<DeathPoint>(6).fill("during-commit"),
];
const AMOUNT_CENTS_MIN = 100;
const AMOUNT_CENTS_MAX = 50_000;

/** A number from 0 to `below - 1`. */
type Dice = (below: number) => number;

/** Mulberry32: small, and the same on every machine. */
function dice(seed: number): Dice {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

function shuffle<T>(items: T[], roll: Dice): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = roll(last + 1);
    const [a, b] = [items[last], items[other]];
    if (a !== undefined && b !== undefined) [items[last], items[other]] = [b, a];
  }
}

/** How often each charge is delivered: twice at least, and all together {@link DELIVERIES} times. */
function deliveryCounts(roll: Dice): number[] {
  const counts = Array<number>(CHARGES).fill(2);
  for (let extra = 2 * CHARGES; extra < DELIVERIES; extra++) {
    const lucky = roll(CHARGES);
    counts[lucky] = (counts[lucky] ?? 0) + 1;
  }
  return counts;
}

/** What becomes of one charge: a worker's death and retries, duplicates at once, or one delivery after another. */
function story(charge: Charge, count: number, death: DeathPoint | undefined, roll: Dice): Step[] {
  const burst = (copies: number): Step => ({ type: "burst", charge, copies });
  if (death !== undefined) return [{ type: "death", charge, at: death }, burst(count - 1)];
  if (roll(2) === 0) return Array.from({ length: count }, () => burst(1));
  return roll(2) === 0 || count === 2 ? [burst(count)] : [burst(count - 1), burst(1)];
}

/** The same deliveries for the same seed, down to their order. */
export function planDeliveries(seed: number): Plan {
  const roll = dice(seed);
  const customers = Array.from({ length: CUSTOMERS }, (_, index) => `customer-${index + 1}`);
  const charges = Array.from({ length: CHARGES }, (_, index): Charge => {
    const cents = AMOUNT_CENTS_MIN + roll(AMOUNT_CENTS_MAX - AMOUNT_CENTS_MIN + 1);
    const customer = customers[roll(CUSTOMERS)] ?? "";
    return { id: `charge-${String(index + 1).padStart(3, "0")}`, customer, amountCents: BigInt(cents) };
  });
  const counts = deliveryCounts(roll);
  const dying = [...charges.keys()];
  shuffle(dying, roll);
  const deaths = new Map(DEATHS.map((at, index) => [dying[index], at]));
  const stories = charges.map((charge, index) => story(charge, counts[index] ?? 0, deaths.get(index), roll));
  // Shuffled are the turns of the charges; within a charge its steps keep their order.
  const turns = stories.flatMap((steps, index) => steps.map(() => index));
  shuffle(turns, roll);
  const steps = turns.flatMap((index) => stories[index]?.shift() ?? []);
  return { charges, customers, steps, mix: mixOf(steps) };
}

function mixOf(steps: readonly Step[]): Plan["mix"] {
  const mix = { single: 0, concurrent: 0, killed: 0 };
  for (const step of steps) {
    if (step.type === "death") mix.killed += 1;
    else if (step.copies === 1) mix.single += 1;
    else mix.concurrent += step.copies;
  }
  return mix;
}
