/** One holder at a time, in the order of asking. */
export class Mutex {
  #last: Promise<void> = Promise.resolve();

  /** @returns what unlocks it; undefined where it did not come free within `waitMs` */
  async lock(waitMs: number): Promise<(() => void) | undefined> {
    let unlock: () => void = () => {};
    const previous = this.#last;
    const own = new Promise<void>((resolve) => {
      unlock = resolve;
    });
    this.#last = previous.then(() => own);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, waitMs, "late");
    });
    const turn = await Promise.race([previous, late]);
    clearTimeout(timer);
    if (turn !== "late") return unlock;
    unlock();
    return undefined;
  }
}
