import { setTimeout as sleep } from "node:timers/promises";

/** Full jitter: a random share of an exponentially growing cap, so that losers of one race do not meet again. */
export interface Backoff {
  /** How often an operation is tried at all. */
  readonly attemptsMax: number;
  /** Milliseconds: the cap of the first delay. */
  readonly baseMs: number;
  /** Milliseconds: no delay is longer. */
  readonly capMs: number;
}

export const DEFAULT_BACKOFF: Backoff = { attemptsMax: 12, baseMs: 5, capMs: 1_000 };

/**
 * Milliseconds to wait after the given attempt (1 for the first).
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function fullJitterMs(attempt: number, { baseMs, capMs }: Backoff): number {
  return Math.random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 30));
}

/** Milliseconds, at least, between two tries of a writer that found the database locked. */
const BUSY_MS = 5;

/**
 * Tries again for `waitMs` while somebody else has the lock, where the engine itself does not wait for it.
 *
 * @param isLocked whether an error says so; any other is thrown at once
 */
export async function patiently<T>(
  waitMs: number,
  isLocked: (error: unknown) => boolean,
  body: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      return await body();
    } catch (error) {
      if (performance.now() >= deadline || !isLocked(error)) throw error;
      await pause(BUSY_MS * (1 + Math.random()));
    }
  }
}

export async function pause(delayMs: number): Promise<void> {
  await sleep(delayMs);
}
