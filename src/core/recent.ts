/** Ids take about 100 bytes each: a megabyte at the most. */
const RECENT_MAX = 10_000;

/**
 * The operations that this process has seen completed. The next mention of one is most likely a duplicate, for which a
 * plain read of its row is enough, and a transaction is not. A hint only: where the read finds nothing, the operation runs
 * as any other.
 */
export class Recent {
  #ids = new Set<string>();
  /** The generation before, forgotten as a whole: to look for the oldest of one large set takes long. */
  #older: ReadonlySet<string> = new Set();

  has(id: string): boolean {
    return this.#ids.has(id) || this.#older.has(id);
  }

  add(id: string): void {
    if (this.#ids.size >= RECENT_MAX / 2) {
      this.#older = this.#ids;
      this.#ids = new Set();
    }
    this.#ids.add(id);
  }
}
