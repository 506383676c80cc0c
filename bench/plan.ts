import type { CallName, Engine } from "./subject.js";

/** The bare write a second time, under another name: its ratio to the first shows what noise alone does. */
export const AGAIN = "bare-update-again";
export type Contestant = CallName | typeof AGAIN;

/**
 * What a ratio is made of:
 * - `p50`: median latency of the row ÷ that of its baseline; lower is better
 * - `throughput`: operations per second of the row ÷ those of its baseline; higher is better
 */
export type Metric = "p50" | "throughput";
export type Target = { readonly atMost: number } | { readonly atLeast: number };

export interface PlannedRow {
  readonly name: CallName;
  readonly baseline: CallName;
  readonly connections: number;
  readonly networkMs: number;
  /** Milliseconds that a flush was made to take; 0 where it takes what this machine's disk takes. */
  readonly flushMs: number;
  readonly metric: Metric;
  readonly target?: Target;
}

/** The bound writes, each with the bare write of the same shape. */
const BOUND = [
  ["increment", "bare-update"],
  ["insert", "bare-insert"],
  ["compare-and-set", "bare-update-versioned"],
] as const;

export const MANY_CONNECTIONS = 16;
export const NETWORK_MS = 1;
/** The longest that PostgreSQL lets a commit be delayed. */
export const FLUSH_MS_MAX = 100;

type Pairing = readonly [name: CallName, baseline: CallName, target?: Target | undefined];

function rows(connections: number, networkMs: number, pairings: readonly Pairing[]): PlannedRow[] {
  return pairings.map(([name, baseline, target]) => ({
    name,
    baseline,
    connections,
    networkMs,
    flushMs: 0,
    // A batch is judged by what one of its operations takes, however many calls run at a time.
    metric: connections > 1 || name === "batch-100" ? "throughput" : "p50",
    ...(target !== undefined && { target }),
  }));
}

function bound(toBare: Target | undefined, toHandWritten: Target | undefined): Pairing[] {
  return [
    ...BOUND.map(([name, bare]): Pairing => [name, bare, toBare]),
    ...BOUND.map(([name]): Pairing => [name, "hand-written", toHandWritten]),
    ["increment", "two-rows"],
    ["two-rows", "hand-written"],
  ];
}

const FLOOR: readonly Pairing[] = [
  ["bare-update", "bare-update"],
  ["two-rows", "bare-update"],
  ["hand-written", "bare-update"],
  ["floor", "bare-update"],
  ["floor", "hand-written"],
];
const BATCH: Pairing = ["batch-100", "bare-update", { atLeast: 2 }];

/** What a bound write and a replay should come to; the engines differ in what a single statement can do. */
export interface Goals {
  readonly one: readonly [toBare: Target | undefined, toHandWritten: Target | undefined];
  readonly many: readonly [toBare: Target | undefined, toHandWritten: Target | undefined];
  readonly network: readonly [toBare: Target | undefined, toHandWritten: Target | undefined];
  readonly replay: Target | undefined;
  /** Round trips of `once` beside its work's own. */
  readonly onceRoundTrips: Target;
  /** Microseconds of client CPU beside the driver's own. */
  readonly cpu: Target | undefined;
  /** Rows that a bound write inserts, updates and deletes: its own, and the ledger's. */
  readonly rowsWritten: Target;
  /** Bytes of redo log of a bound write, over the hand-written transaction's. */
  readonly redo: Target;
}

/** Where nothing can be sent ahead of an answer: BEGIN, claim, result and COMMIT. */
const ONE_BY_ONE = 4;

const STORAGE = { rowsWritten: { atMost: 2 }, redo: { atMost: 1 } } as const;

/** One statement. A target on throughput becomes its inverse where the row tells latency. */
const ONE_STATEMENT: Goals = {
  one: [{ atMost: 1.6 }, { atMost: 1 / 1.8 }],
  many: [{ atLeast: 0.5 }, { atLeast: 1.8 }],
  network: [{ atMost: 1.15 }, { atMost: 1 / 3 }],
  replay: { atMost: 1.1 },
  onceRoundTrips: { atMost: 3 },
  cpu: { atMost: 60 },
  ...STORAGE,
};

/** A transaction of two round trips: no match for a bare statement, but faster than a hand-written one. */
const TWO_ROUND_TRIPS: Goals = {
  one: [undefined, { atMost: 1 / 1.5 }],
  many: [undefined, undefined],
  network: [undefined, { atMost: 1 / 1.5 }],
  replay: undefined,
  onceRoundTrips: { atMost: 3 },
  cpu: undefined,
  ...STORAGE,
};

/** Of Prisma's own cost the ledger's is a part: its bare update is one statement, its interactive transaction six round trips. */
const PRISMA: Goals = {
  one: [{ atMost: 1.5 }, { atMost: 1 / 3 }],
  many: [undefined, undefined],
  network: [{ atMost: 1.5 }, { atMost: 1 / 3 }],
  replay: undefined,
  onceRoundTrips: { atMost: ONE_BY_ONE },
  cpu: undefined,
  ...STORAGE,
};

/** Beside the least that TypeORM can do, a statement past its query builder, and beside a transaction of three of them. */
const TYPEORM: Goals = {
  one: [{ atMost: 1.3 }, { atMost: 1 / 2 }],
  many: [undefined, undefined],
  network: [{ atMost: 1.3 }, { atMost: 1 / 2 }],
  replay: undefined,
  onceRoundTrips: { atMost: 3 },
  cpu: undefined,
  ...STORAGE,
};

export function goalsOf({ protocol, client }: Pick<Engine, "protocol" | "client">): Goals {
  if (client === "prisma") return PRISMA;
  if (client === "typeorm") return TYPEORM;
  return protocol === "postgres" ? ONE_STATEMENT : TWO_ROUND_TRIPS;
}

/** Every row of the report. */
export function planOf({ one, many, network, replay }: Goals): readonly PlannedRow[] {
  return [
    ...rows(1, 0, [
      ...FLOOR,
      ...bound(...one),
      ["once", "bare-update"],
      ["once", "hand-written", { atMost: 1 }],
      ["replay", "pk-select", replay],
      ["replay-once", "pk-select"],
      BATCH,
    ]),
    ...rows(MANY_CONNECTIONS, 0, [
      ...FLOOR,
      ...bound(...many),
      ["once", "bare-update"],
      ["once", "hand-written", { atLeast: 1 }],
      ["replay", "pk-select"],
      ["replay-once", "pk-select"],
      BATCH,
    ]),
    ...rows(1, NETWORK_MS, [
      ...FLOOR,
      ...bound(...network),
      ["once", "bare-update"],
      ["once", "hand-written", { atMost: 1 }],
      ["replay", "pk-select", replay],
      ["replay-once", "pk-select"],
      BATCH,
    ]),
  ];
}

/**
 * The rows without a network once more, on a disk whose flush takes `flushMs`. They have no targets: the disk is simulated,
 * and with a flush that takes long enough any ratio comes near to one flush against another.
 */
export function onSlowDisk(rows: readonly PlannedRow[], flushMs: number): PlannedRow[] {
  return rows
    .filter(({ networkMs }) => networkMs === 0)
    .map(({ target: _, ...row }) => ({ ...row, flushMs }));
}

export const CPU_PAIRS: readonly (readonly [CallName, CallName])[] = BOUND;

/** What is measured call by call as well: it has no targets, and says what a write costs where other work has had the caches. */
export const MIXED_PAIRS: readonly (readonly [CallName, CallName])[] = [
  ...BOUND,
  ...BOUND.map(([name]) => [name, "hand-written"] as const),
  ["once", "hand-written"],
  ["replay", "pk-select"],
];

export function meets(value: number, target: Target): boolean {
  return "atMost" in target ? value <= target.atMost : value >= target.atLeast;
}

/** How long the rounds take, and in them each contestant's turn. */
interface Turns {
  readonly rounds: number;
  readonly roundMs: number;
  readonly turnMs: number;
}

/** How long each part runs. Times and not counts, so that a slow machine gets fewer samples instead of a longer run. */
export interface Pace {
  readonly warmUpMs: number;
  readonly latency: Turns;
  readonly network: Turns;
  readonly mixed: Turns;
  /** No round begins after `limitMs`, but for the first three: many callers of a slow call overrun their blocks. */
  readonly throughput: { readonly rounds: number; readonly blockMs: number; readonly limitMs: number };
  /** Many short blocks, since what a busy neighbour adds to one of them says nothing of the client. */
  readonly cpu: { readonly rounds: number; readonly blockMs: number };
  /** Operations per kind whose bytes are counted. */
  readonly stored: number;
}

export const FULL: Pace = {
  warmUpMs: 4_000,
  latency: { rounds: 20, roundMs: 2_000, turnMs: 25 },
  network: { rounds: 15, roundMs: 2_500, turnMs: 25 },
  mixed: { rounds: 15, roundMs: 1_500, turnMs: 0 },
  throughput: { rounds: 20, blockMs: 400, limitMs: 240_000 },
  cpu: { rounds: 150, blockMs: 15 },
  stored: 2_000,
};

export const QUICK: Pace = {
  warmUpMs: 1_600,
  latency: { rounds: 10, roundMs: 700, turnMs: 25 },
  network: { rounds: 8, roundMs: 700, turnMs: 25 },
  mixed: { rounds: 6, roundMs: 500, turnMs: 0 },
  throughput: { rounds: 12, blockMs: 80, limitMs: 14_000 },
  cpu: { rounds: 60, blockMs: 8 },
  stored: 200,
};
