import { DEFAULT_CODEC } from "./codec.js";
import type { LedgerContext } from "./context.js";
import type { EventListener } from "./events.js";
import { Flights } from "./flights.js";
import { type OperationRef, RETENTION_MS_MAX } from "./operation.js";
import { Recent } from "./recent.js";
import { DEFAULT_RETENTION_MS } from "./retention.js";
import { type Backoff, DEFAULT_BACKOFF } from "./retry.js";

/** What every adapter's ledger can be told. */
export interface CommonOptions {
  /** How long a key is remembered, in milliseconds; 7 days unless given. After it the key is unseen again. */
  readonly retentionMs?: number | undefined;
  /** How long a duplicate waits for the run that holds its key, in milliseconds; 10,000 unless given, 0 fails at once. */
  readonly waitMs?: number | undefined;
  /**
   * How long the server may take, beyond `waitMs`, to answer one of the ledger's own statements, in milliseconds; 30,000
   * unless given. Then the connection is cut and the outcome counts as unknown until the key is tried again.
   */
  readonly responseMs?: number | undefined;
  /** The ledger's table; `opledger_operations` unless given. */
  readonly table?: string | undefined;
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

/** The table's name unless the options give one. */
export const DEFAULT_TABLE = "opledger_operations";

/** The command that brings a ledger's schema up to date; `schema` only where it is not the default one. */
export function migrateCommand(ledger: {
  readonly schema: string | undefined;
  readonly table: string;
}): string {
  const schema = ledger.schema === undefined ? "" : ` --schema ${JSON.stringify(ledger.schema)}`;
  const table = ledger.table === DEFAULT_TABLE ? "" : ` --table ${JSON.stringify(ledger.table)}`;
  const names = schema + table;
  return `npx opledger migrate${names} (or, for your own tool: npx opledger migration create${names})`;
}

/** A day: longer waits hold connections for nothing, and overflow timers. */
const WAIT_MS_MAX = 86_400_000;
/** A pool deserves this long to open a connection, even where duplicates do not wait. */
const ACQUIRE_MS_MIN = 5_000;

/**
 * The options in the form that the core takes, with their defaults; beside them how long a connection is waited for.
 *
 * @throws {TypeError} an option is out of its range
 */
export function checkedOptions<Tx>(options: CommonOptions): {
  readonly settings: Omit<LedgerContext<Tx>, "database" | "dialect">;
  readonly acquireMs: number;
} {
  const waitMs = whole("waitMs", options.waitMs ?? 10_000, 0, WAIT_MS_MAX);
  const retentionMs = options.retentionMs ?? DEFAULT_RETENTION_MS;
  const settings = {
    retentionMs: whole("retentionMs", retentionMs, 1, RETENTION_MS_MAX),
    waitMs,
    responseMs: whole("responseMs", options.responseMs ?? 30_000, 1, WAIT_MS_MAX),
    backoff: checkedBackoff(options.backoff),
    codec: { decimal: options.decimal ?? DEFAULT_CODEC.decimal, redact: checkedNames(options.redact) },
    onEvent: options.onEvent,
    storeError: options.storeError,
    flights: new Flights(),
    recent: new Recent(),
  };
  return { settings, acquireMs: Math.max(waitMs, ACQUIRE_MS_MIN) };
}

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
