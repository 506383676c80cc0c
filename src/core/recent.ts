/** Places for operations, of 8 bytes each. */
const PLACES = 16_384;

/**
 * The operations that this process has seen completed. The next mention of one is most likely a duplicate, for which a
 * plain read of its row is enough, and a transaction is not. A hint only: where the read finds nothing, the operation runs
 * as any other.
 *
 * An operation has one place, and loses it to a later one that has the same; so it is forgotten after some ten thousand others.
 * A set of ids would keep every one of these texts alive for the garbage collector to look at.
 */
export class Recent {
  #marks: Float64Array | undefined;

  /** @param id in the text form of a UUID, which ends with digits of a hash */
  has(id: string): boolean {
    const mark = markOf(id);
    return this.#marks !== undefined && this.#marks[mark % PLACES] === mark;
  }

  add(id: string): void {
    const mark = markOf(id);
    this.#marks ??= new Float64Array(PLACES);
    this.#marks[mark % PLACES] = mark;
  }
}

/** 48 bits, which a number holds exactly. */
function markOf(id: string): number {
  return Number.parseInt(id.slice(24), 16);
}
