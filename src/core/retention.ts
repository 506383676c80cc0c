import { Call, type LedgerContext } from "./context.js";
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

/** @throws {TypeError} `batch` or `limit` is no positive whole number */
export async function sweep<Tx>(context: LedgerContext<Tx>, options: SweepOptions): Promise<SweepProgress> {
  const batch = positive("batch", options.batch ?? BATCH_DEFAULT, SWEEP_BATCH_MAX);
  const limit = positive("limit", options.limit ?? Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  const call = new Call(context, {
    ...identify({ operation: "sweep", key: "sweep" }, 1),
    fingerprint: Buffer.alloc(0),
  });
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

function positive(name: string, value: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < 1 || value > max) {
    throw new TypeError(`sweep: \`${name}\` must be a whole number from 1 to ${max}`);
  }
  return value;
}
