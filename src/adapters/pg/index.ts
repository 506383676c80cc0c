import { DEFAULT_CODEC } from "../../core/codec.js";
import type { LedgerContext } from "../../core/context.js";
import type { EventListener } from "../../core/events.js";
import type { Database } from "../../core/executor.js";
import { Flights } from "../../core/flights.js";
import { Ledger } from "../../core/ledger.js";
import { type OperationRef, RETENTION_MS_MAX } from "../../core/operation.js";
import { Recent } from "../../core/recent.js";
import { DEFAULT_RETENTION_MS } from "../../core/retention.js";
import { type Backoff, DEFAULT_BACKOFF } from "../../core/retry.js";
import { postgresDialect } from "../../dialects/postgres/index.js";
import type { PgClientLike, PgPoolLike } from "./client.js";
import { PgDatabase } from "./executor.js";
import type { PgTransaction } from "./transaction.js";

export interface LedgerOptions {
  /** How long a key is remembered, in milliseconds; 7 days unless given. After it the key is unseen again. */
  readonly retentionMs?: number | undefined;
  /** How long a duplicate waits for the run that holds its key, in milliseconds; 10,000 unless given, 0 fails at once. */
  readonly waitMs?: number | undefined;
  /**
   * How long the server may take, beyond `waitMs`, to answer one of the ledger's own statements, in milliseconds; 30,000
   * unless given. Then the connection is cut and the outcome counts as unknown until the key is tried again.
   */
  readonly responseMs?: number | undefined;
  /** The ledger's schema; `public` unless given. */
  readonly schema?: string | undefined;
  /** The ledger's table; `opledger_operations` unless given. */
  readonly table?: string | undefined;
  /** Whether to use named prepared statements; `auto`, the default, stops where a pooler refuses them. */
  readonly prepare?: "auto" | boolean | undefined;
  /** How often and how soon deadlocks, serialization failures and lost connections are retried. */
  readonly backoff?: Partial<Backoff> | undefined;
  /** Called synchronously for everything the ledger does. Events hold no key in clear. */
  readonly onEvent?: EventListener | undefined;
  /**
   * Makes a failure of the work final: its effect is rolled back, what this returns is recorded, and every replay throws
   * it as `StoredFailureError`. Returning undefined leaves the key retryable.
   */
  readonly storeError?: ((error: unknown, operation: OperationRef) => unknown) | undefined;
  /**
   * Names whose values are never stored, and show as null in outcomes: columns of bound writes, and properties at any depth
   * of what `once` returns. A bound write's JSON column is stored whole or not at all.
   */
  readonly redact?: readonly string[] | undefined;
  /** Makes a stored decimal into a class of your own; `ExactDecimal` unless given. */
  readonly decimal?: ((text: string) => unknown) | undefined;
}

/** A ledger over a `pg` pool or client. */
export class PgLedger extends Ledger<PgTransaction> {
  readonly #context: LedgerContext<PgTransaction>;
  readonly #database: PgDatabase;

  /** @internal See {@link createLedger}. */
  constructor(context: LedgerContext<PgTransaction>, database: PgDatabase) {
    super(context);
    this.#context = context;
    this.#database = database;
  }

  /**
   * The same ledger inside an open transaction: one that the caller began on a client, or that of another operation's
   * work. Every call is a savepoint there, so that one that fails leaves the transaction usable; nothing is kept unless
   * the transaction commits.
   */
  within(joined: PgClientLike | PgTransaction): Ledger<PgTransaction> {
    if ("totalCount" in joined) {
      throw new TypeError("`within` takes a client with an open transaction, not a pool");
    }
    const database: Database<PgTransaction> = this.#database.within(joined);
    return new Ledger({ ...this.#context, database });
  }
}

/**
 * The operation ledger over `pg`.
 *
 * @param source a Pool, or a single connected Client that nothing else begins transactions on
 * @throws {TypeError} an option is out of its range
 * @example
 * const ledger = createLedger(new Pool());
 * const { status, value } = await ledger.once({ operation: "create_invoice", key }, async (tx) => {
 *   await tx.query("INSERT INTO invoices (number) VALUES ($1)", [7]);
 *   return { number: 7 };
 * });
 */
export function createLedger(source: PgPoolLike | PgClientLike, options: LedgerOptions = {}): PgLedger {
  const { schema = "public", table = "opledger_operations", prepare = "auto", storeError, onEvent } = options;
  const waitMs = whole("waitMs", options.waitMs ?? 10_000, 0, WAIT_MS_MAX);
  const responseMs = whole("responseMs", options.responseMs ?? 30_000, 1, WAIT_MS_MAX);
  const ledger = { schema, table };
  const database = new PgDatabase(source, { ledger, prepare, acquireMs: Math.max(waitMs, ACQUIRE_MS_MIN) });
  const context: LedgerContext<PgTransaction> = {
    database,
    dialect: postgresDialect(ledger),
    retentionMs: whole("retentionMs", options.retentionMs ?? DEFAULT_RETENTION_MS, 1, RETENTION_MS_MAX),
    waitMs,
    responseMs,
    backoff: checkedBackoff(options.backoff),
    codec: { decimal: options.decimal ?? DEFAULT_CODEC.decimal, redact: checkedNames(options.redact) },
    onEvent,
    storeError,
    flights: new Flights(),
    recent: new Recent(),
  };
  return new PgLedger(context, database);
}

/** A day: longer waits hold connections for nothing, and overflow timers. */
const WAIT_MS_MAX = 86_400_000;
/** A pool deserves this long to open a connection, even where duplicates do not wait. */
const ACQUIRE_MS_MIN = 5_000;

function checkedNames(given: unknown): ReadonlySet<string> {
  if (given === undefined) return new Set();
  if (!Array.isArray(given) || !given.every((name) => typeof name === "string")) {
    throw new TypeError("redact must be a list of column and property names");
  }
  return new Set(given);
}

function checkedBackoff(given: Partial<Backoff> = {}): Backoff {
  return {
    attemptsMax: whole("backoff.attemptsMax", given.attemptsMax ?? DEFAULT_BACKOFF.attemptsMax, 1, 1_000),
    baseMs: whole("backoff.baseMs", given.baseMs ?? DEFAULT_BACKOFF.baseMs, 0, WAIT_MS_MAX),
    capMs: whole("backoff.capMs", given.capMs ?? DEFAULT_BACKOFF.capMs, 0, WAIT_MS_MAX),
  };
}

function whole(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
    throw new TypeError(`${name} must be a whole number from ${min} to ${max}`);
  }
  return value;
}

export type { PgClientLike, PgPoolLike, PgQueryConfig, PgResult } from "./client.js";
export type { PgSubmittable, PgTransaction } from "./transaction.js";
