import { AsyncLocalStorage } from "node:async_hooks";
import { Mutex } from "./mutex.js";

/** Who may set savepoints in a transaction: within a savepoint's own body, a level of its own. */
const levels = new AsyncLocalStorage<ReadonlyMap<object, Mutex>>();
const mutexes = new WeakMap<object, Mutex>();
const depths = new WeakMap<object, number>();

/**
 * Runs `body` as the only one of its level in a transaction, since savepoints must be closed in the reverse of the order they were
 * set in. What `body` itself runs in turn is a level of its own.
 *
 * @param transaction what stands for the transaction
 * @param body gets how deep it is, for a savepoint's name: those of one name replace each other
 * @throws {Error} what `late` makes, where the turn did not come within `waitMs`
 */
export async function inTurn<T>(
  transaction: object,
  waitMs: number,
  late: () => Error,
  body: (depth: number) => Promise<T>,
): Promise<T> {
  const outer = levels.getStore();
  const unlock = await (outer?.get(transaction) ?? mutexOf(transaction)).lock(waitMs);
  if (unlock === undefined) throw late();
  const depth = (depths.get(transaction) ?? 0) + 1;
  depths.set(transaction, depth);
  try {
    return await levels.run(new Map(outer).set(transaction, new Mutex()), () => body(depth));
  } finally {
    depths.set(transaction, depth - 1);
    unlock();
  }
}

function mutexOf(transaction: object): Mutex {
  const known = mutexes.get(transaction);
  if (known !== undefined) return known;
  const made = new Mutex();
  mutexes.set(transaction, made);
  return made;
}
