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

export async function pause(delayMs: number): Promise<void> {
  await sleep(delayMs);
}
