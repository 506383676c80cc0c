import { Call, type LedgerContext } from "./context.js";
import type { ResultSet, Statement } from "./executor.js";
import { identify } from "./operation.js";

/** Seven days: longer than any sane client retries, and than most queues redeliver. */
export const DEFAULT_RETENTION_MS: number = 7 * 86_400_000;

export interface SweepOptions {
  /** Rows removed per statement; 1,000 unless given. Each statement is a transaction of its own. */
  readonly batch?: number | undefined;
  /** Rows removed at the most; all that have expired unless given. */
  readonly limit?: number | undefined;
  /** Called after every batch; a promise it returns is awaited before the next, which bounds the rate. */
  readonly onProgress?: ((progress: SweepProgress) => void | Promise<void>) | undefined;
}

export interface SweepProgress {
  /** Rows removed so far. */
  readonly removed: number;
  readonly batches: number;
}

const BATCH_DEFAULT = 1_000;
/** Larger batches hold their locks for long and make long transactions. */
export const SWEEP_BATCH_MAX = 50_000;

export interface EraseOptions {
  /** Whose results are erased. */
  readonly scope: string;
  /** Rows per statement; 1,000 unless given. Each statement is a transaction of its own. */
  readonly batch?: number | undefined;
  /** Called after every batch; a promise it returns is awaited before the next. */
  readonly onProgress?: ((progress: EraseProgress) => void | Promise<void>) | undefined;
}

export interface EraseProgress {
  /** Results removed so far. */
  readonly erased: number;
}

/** Lists of ids beyond this run into what servers take as one statement. */
export const ERASE_BATCH_MAX = 10_000;

/** Below every id: a hash of nothing but zeros is as likely as any other, which is to say that it does not occur. */
const BEFORE_ALL = "0".repeat(32);

/**
 * Reads the ids first and then writes by them: an update that looked for its rows itself would lock, on InnoDB, all that
 * it passes on the way.
 */
export async function erase<Tx>(context: LedgerContext<Tx>, options: EraseOptions): Promise<EraseProgress> {
  const { database, dialect, responseMs } = context;
  const { scope } = identify({ scope: options.scope, operation: "erase", key: "erase" }, 1);
  const batch = positive("erase", "batch", options.batch ?? BATCH_DEFAULT, ERASE_BATCH_MAX);
  const call = maintenance(context, "erase");
  const run = (statement: Statement): Promise<ResultSet> =>
    call.attempt(() => database.run(statement, responseMs));
  let erased = 0;
  for (let after = BEFORE_ALL; ; ) {
    const { rows } = await run(dialect.resultsOf(scope, after, batch));
    const ids = rows.map(({ id }) => String(id));
    const last = ids.at(-1);
    if (last === undefined) return { erased };
    erased += (await run(dialect.erase(ids))).affected;
    await options.onProgress?.({ erased });
    after = last;
  }
}

/** A call that concerns no operation. */
export function maintenance<Tx>(context: LedgerContext<Tx>, what: string): Call<Tx> {
  const identity = identify({ operation: what, key: what }, 1);
  return new Call(context, { ...identity, fingerprint: Buffer.alloc(0) });
}

/** @throws {TypeError} `batch` or `limit` is no positive whole number */
export async function sweep<Tx>(context: LedgerContext<Tx>, options: SweepOptions): Promise<SweepProgress> {
  const batch = positive("sweep", "batch", options.batch ?? BATCH_DEFAULT, SWEEP_BATCH_MAX);
  const limit = positive("sweep", "limit", options.limit ?? Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  const call = maintenance(context, "sweep");
  let removed = 0;
  for (let batches = 1; ; batches++) {
    const size = Math.min(batch, limit - removed);
    const statement = context.dialect.sweep(size);
    const { affected } = await call.attempt(() => context.database.run(statement, context.responseMs));
    removed += affected;
    await options.onProgress?.({ removed, batches });
    if (affected < size || removed >= limit) return { removed, batches };
  }
}

function positive(what: string, name: string, value: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < 1 || value > max) {
    throw new TypeError(`${what}: \`${name}\` must be a whole number from 1 to ${max}`);
  }
  return value;
}
