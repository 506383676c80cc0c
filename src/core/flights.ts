/**
 * The operations that this process is running, so that a duplicate waits in memory for the first run instead of on a
 * connection: a few duplicates must not be able to use up the pool that the first run may need. An optimisation only;
 * the database alone decides who owns an operation.
 */
export class Flights {
  readonly #running = new Map<string, Promise<boolean>>();

  /**
   * Runs `body` as the only run of `id` in this process, or once an earlier one is done.
   *
   * @returns what `body` returned, or `timedOut` where an earlier run outlasted `waitMs`
   */
  async enter<T>(
    id: string,
    waitMs: number,
    body: () => Promise<T>,
    late: { readonly waited: () => void; readonly timedOut: () => Error },
  ): Promise<T> {
    const deadline = performance.now() + waitMs;
    for (let running = this.#running.get(id); running !== undefined; running = this.#running.get(id)) {
      const settled = await within(running, deadline - performance.now());
      if (settled === undefined) throw late.timedOut();
      late.waited();
      if (settled) return body();
    }
    const run = body();
    this.#running.set(id, run.then(succeeded, failed));
    try {
      return await run;
    } finally {
      this.#running.delete(id);
    }
  }
}

const succeeded = (): boolean => true;
const failed = (): boolean => false;

async function within(promise: Promise<boolean>, waitMs: number): Promise<boolean | undefined> {
  if (waitMs <= 0) return undefined;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, waitMs, undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
