import type {
  Backoff,
  BatchOutcome,
  BoundOperation,
  EraseOptions,
  EraseProgress,
  EventListener,
  IncrementArgs,
  InsertArgs,
  InspectedOperation,
  IsolationLevel,
  OnceOptions,
  OperationRef,
  OperationStats,
  Outcome,
  Row,
  SweepOptions,
  SweepProgress,
} from "../../src/index.js";
import type { Capabilities, TargetName } from "./capabilities.js";

/** What the suite asks of one client × engine. Everything that only one engine understands is behind these hooks. */
export interface Target {
  readonly name: TargetName;
  /** What the target says of itself; a suite fails where the checked-in table says otherwise. */
  readonly capabilities: Capabilities;
  /** `races` need many connections and time, so they are a suite of their own. */
  readonly suite: "functional" | "races";
  /** How many cases the suite must register here, skipped ones included: cases that vanish fail the suite. */
  readonly cases: number;
  /** Why nothing of this target can run here; undefined where it can. */
  readonly unavailable: string | undefined;
  open(): Promise<Fixture>;
  /** Cases about what only this engine or client has. */
  readonly extras?: readonly Concern[] | undefined;
}

/** The options that every adapter's ledger has. */
export interface LedgerSettings {
  readonly retentionMs?: number;
  readonly waitMs?: number;
  readonly responseMs?: number;
  readonly table?: string;
  readonly backoff?: Partial<Backoff>;
  readonly onEvent?: EventListener;
  readonly storeError?: (error: unknown, operation: OperationRef) => unknown;
  readonly redact?: readonly string[];
  readonly decimal?: (text: string) => unknown;
}

/** What work gets: the client's own handle, reduced to running one SQL text without values. */
export interface Work {
  query(sql: string): Promise<readonly Row[]>;
  /** A ledger that joins this very transaction. */
  within(settings?: LedgerSettings): TestLedger;
}

export type BoundWrites = Pick<BoundOperation<Work>, "insert" | "upsert" | "update" | "increment" | "delete">;

/** A ledger as the suite uses it, whatever the adapter's own surface looks like. */
export interface TestLedger {
  once<T>(ref: OperationRef, work: (tx: Work) => Promise<T> | T, options?: OnceOptions): Promise<Outcome<T>>;
  operation(ref: OperationRef): BoundWrites;
  insertMany<R = Row>(inserts: readonly (OperationRef & InsertArgs)[]): Promise<BatchOutcome<R>[]>;
  incrementMany<R = Row>(increments: readonly (OperationRef & IncrementArgs)[]): Promise<BatchOutcome<R>[]>;
  sweep(options?: SweepOptions): Promise<SweepProgress>;
  inspect(ref: OperationRef): Promise<InspectedOperation | undefined>;
  erase(options: EraseOptions): Promise<EraseProgress>;
  stats(): Promise<readonly OperationStats[]>;
}

export interface ProcessOptions {
  /** Connections at the most; 5 unless given. */
  readonly connections?: number;
  /** The connections' default isolation level; the engine's own unless given. */
  readonly isolation?: IsolationLevel;
}

/** Connections that nobody else uses, as another process has them. */
export interface Process {
  createLedger(settings?: LedgerSettings): TestLedger;
  /** Takes one of the connections out of use until the returned function is called. */
  occupy(): Promise<() => void>;
  close(): Promise<void>;
}

/** A transaction on a connection of its own, begun by the caller. */
export interface OpenTransaction {
  ledger(settings?: LedgerSettings): TestLedger;
  query(sql: string): Promise<readonly Row[]>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** What a database error is about, for errors that are the caller's own. */
export type Violation = "unique" | "check" | "missing-table" | "too-big" | undefined;

/** A column of the table `samples`, and a value for it. */
export interface Sample {
  readonly column: string;
  readonly value: unknown;
}

/** An open database with the tables of `tables.ts` and a migrated ledger. */
export interface Fixture {
  /** The ledger's table, quoted, for raw SQL. */
  readonly ledgerTable: string;
  /** A table's name as the ledger's arguments take it, with its schema. */
  qualified(table: string): string;
  quote(name: string): string;
  /** A ledger over the fixture's own client. */
  createLedger(settings?: LedgerSettings): TestLedger;
  process(options?: ProcessOptions): Promise<Process>;
  begin(isolation?: IsolationLevel): Promise<OpenTransaction>;
  /** Runs SQL beside every ledger, on a connection of its own. */
  query(sql: string): Promise<readonly Row[]>;
  violation(error: unknown): Violation;
  /** A value for every column of the table `samples`, of types that drivers treat specially. */
  readonly samples: readonly Sample[];
  /** SQL texts by which work may try to end its transaction. */
  readonly endings: readonly string[];
  /** What the migration's down step runs, for a ledger table of that name. */
  createOutdatedLedger(table: string): Promise<void>;
  close(): Promise<void>;
}

/** The place where one file of the suite registers its cases. */
export interface Cases {
  readonly target: Target;
  /** The fixture; open from the first case on. */
  fixture(): Fixture;
  test(name: string, run: (fixture: Fixture) => Promise<void>): void;
  /** Registers a case that this target cannot run, and says why. */
  skip(name: string, reason: string): void;
}

export interface Concern {
  readonly name: string;
  readonly register: (cases: Cases) => void;
}
