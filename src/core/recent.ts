/** Ids take about 100 bytes each: a megabyte at the most. */
const RECENT_MAX = 10_000;

/**
 * The operations that this process has seen completed. The next mention of one is most likely a duplicate, for which a
 * plain read of its row is enough, and a transaction is not. A hint only: where the read finds nothing, the operation runs
 * as any other.
 */
export class Recent {
  readonly #ids = new Set<string>();

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    if (this.#ids.has(id)) return;
    if (this.#ids.size >= RECENT_MAX) {
      for (const oldest of this.#ids) {
        this.#ids.delete(oldest);
        break;
      }
    }
    this.#ids.add(id);
  }
}
