/**
 * Timers fire up to about 1 ms late, more under load; the rest of a wait is spun. Only waits well above this margin
 * sleep at all.
 */
const SPIN_MS = 3;

/**
 * Runs actions a fixed time after they were pushed, in the order of pushing.
 *
 * `setTimeout` cannot wait for half a millisecond, so while anything is queued the event loop is kept turning with
 * `setImmediate` (input and output are served on every turn) and deadlines are compared with `performance.now()`.
 * That burns one core while a message is under way: measure latency with the proxy in a process of its own.
 */
export class DelayLine {
  readonly #delayMs: number;
  /** One delay for all, so pushing order is deadline order and a plain queue suffices. */
  #queue: { readonly dueMs: number; readonly run: () => void }[] = [];
  #head = 0;
  #running = false;
  #closed = false;

  constructor(delayMs: number) {
    if (!Number.isFinite(delayMs) || delayMs < 0) {
      throw new TypeError(`delayMs must be a number of milliseconds, 0 or more; got ${delayMs}`);
    }
    this.#delayMs = delayMs;
  }

  push(run: () => void): void {
    if (this.#delayMs === 0) {
      run();
      return;
    }
    const dueMs = performance.now() + this.#delayMs;
    this.#queue.push({ dueMs, run });
    if (!this.#running) {
      this.#running = true;
      this.#waitUntil(dueMs);
    }
  }

  /** Forgets what is queued. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#head = 0;
  }

  #waitUntil(dueMs: number): void {
    const leftMs = dueMs - performance.now();
    if (leftMs > 2 * SPIN_MS) {
      setTimeout(() => this.#pump(), leftMs - SPIN_MS);
    } else {
      setImmediate(() => this.#pump());
    }
  }

  #pump(): void {
    let next = this.#queue[this.#head];
    while (next !== undefined && next.dueMs <= performance.now()) {
      this.#head += 1;
      next.run();
      next = this.#queue[this.#head];
    }
    if (next === undefined || this.#closed) {
      this.#queue = [];
      this.#head = 0;
      this.#running = false;
      return;
    }
    this.#waitUntil(next.dueMs);
  }
}
