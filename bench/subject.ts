import type { IncrementArgs, InsertArgs, OperationRef, Outcome, UpdateArgs } from "opledger";

/** Everything that is measured. The names, and further ones that serve as baselines. */
const CALL_NAMES = [
  "bare-update",
  "bare-insert",
  "bare-update-versioned",
  "pk-select",
  "two-rows",
  "hand-written",
  "floor",
  "increment",
  "insert",
  "compare-and-set",
  "once",
  "replay",
  "replay-once",
  "batch-100",
] as const;
export type CallName = (typeof CALL_NAMES)[number];

export const BATCH = 100;

/** Operations that one call makes. */
export function operationsOf(name: CallName): number {
  return name === "batch-100" ? BATCH : 1;
}

export type Call = () => Promise<void>;

/** The writes without any ledger, in the order of their placeholders. */
export interface BareValues {
  readonly update: readonly [amount: number, account: number];
  readonly insert: readonly [id: string, account: number, amount: number, note: string];
  readonly versioned: readonly [status: string, account: number, version: number];
  readonly select: readonly [account: number];
}

type Operated = Promise<Pick<Outcome<unknown>, "status">>;

/** What is measured of a ledger, whatever its own surface looks like. */
export interface MeasuredLedger {
  operation(ref: OperationRef): {
    insert(args: InsertArgs): Operated;
    update(args: UpdateArgs): Operated;
    increment(args: IncrementArgs): Operated;
  };
  /** Absent where the client has no batches. */
  incrementMany?(
    increments: readonly (OperationRef & IncrementArgs)[],
  ): Promise<readonly { readonly status: string }[]>;
}

/** One client of one engine: all that a further one has to bring to be measured. */
export interface Driver {
  readonly ledger: MeasuredLedger;
  /** Runs one prepared statement in a transaction of its own; returns how many rows it changed or found. */
  bare<K extends keyof BareValues>(kind: K, values: BareValues[K]): Promise<number>;
  /**
   * The smallest single statement that writes the row and a row of the ledger's own table, neither safe to repeat nor with an
   * answer; absent where there is none. What a bound write costs beyond it is opledger's.
   */
  twoRows?(key: string, amount: number, account: number): Promise<number>;
  /** BEGIN, INSERT into a ledger, UPDATE, UPDATE of the ledger with the result, COMMIT. */
  handWritten(key: string, amount: number, account: number): Promise<number>;
  /**
   * The least that a bound write can do: write, read the row and record it, in one round trip, without looking for an earlier
   * run, and with nothing to parse. It is written for one table. Absent where nothing is compared with it.
   *
   * @returns how many rows it read
   */
  floor?(key: string, amount: number, account: number): Promise<number>;
  /** `once` around the statement of {@link bare} `update`. */
  once(operation: OperationRef, amount: number, account: number): Promise<"executed" | "replayed">;
  close(): Promise<void>;
}

/** A driver turned into calls, ready to be measured. */
export interface Subject {
  /** Without those that the client does not have. */
  readonly calls: Readonly<Partial<Record<CallName, Call>>>;
  /** Makes the operations that the replays repeat. */
  prepare(): Promise<void>;
  close(): Promise<void>;
}

export function callNames({ calls }: Subject): readonly CallName[] {
  return CALL_NAMES.filter((name) => calls[name] !== undefined);
}

export function callNamed({ calls }: Subject, name: CallName): Call {
  const call = calls[name];
  if (call === undefined) throw new Error(`this client has no ${name}`);
  return call;
}

export interface OpenOptions {
  readonly connections: number;
  /** Where to connect instead of to the server itself. */
  readonly through?: { readonly host: string; readonly port: number };
  /** How many different rows the calls go round; all of them unless given. */
  readonly accounts?: number;
}

/** A server with the tables to measure on, and what it knows about its own storage. */
export interface Engine {
  readonly name: string;
  readonly client: string;
  readonly version: string;
  /** The settings that decide what a commit costs, as the server reports them. */
  readonly durability: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: "postgres" | "mysql";
  open(options: OpenOptions): Promise<Subject>;
  /**
   * Makes each flush of the log take this many milliseconds longer, for connections opened from now on; absent where the
   * engine has no way to.
   */
  slowFlushes?(ms: number): Promise<void>;
  /** Writes dirty pages out, so that no checkpoint falls into what is measured next. */
  checkpoint(): Promise<void>;
  /** Bytes of redo log written since the server exists. */
  logBytes(): Promise<number>;
  /** Bytes of binary log written since; absent where there is none. */
  readonly binlogBytes?: () => Promise<number>;
  /** Rows inserted, updated and deleted since; absent where the server does not count them at once. */
  readonly rowsWritten?: () => Promise<number>;
  /** Bytes of a ledger's table and indexes. */
  ledgerBytes(ledger: "opledger" | "hand-written"): Promise<number>;
  close(): Promise<void>;
}
