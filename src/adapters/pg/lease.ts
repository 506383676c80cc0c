import { Mutex } from "../../core/mutex.js";
import { cut, isPool, type PgClientLike, type PgPoolClientLike, type PgPoolLike } from "./client.js";
import { survive, Unavailable } from "./failure.js";

export interface Lease {
  readonly client: PgClientLike;
  /** @param broken the connection must not be used again */
  readonly release: (broken: boolean) => void;
}

/** Hands out the connections of a pool, or the one connection there is to one operation at a time. */
export class Leases {
  readonly #source: PgPoolLike | PgClientLike;
  readonly #acquireMs: number;
  readonly #mutex = new Mutex();

  constructor(source: PgPoolLike | PgClientLike, acquireMs: number) {
    this.#source = source;
    this.#acquireMs = acquireMs;
  }

  take(): Promise<Lease> {
    return isPool(this.#source) ? this.#fromPool(this.#source) : this.#single(this.#source);
  }

  async #fromPool(pool: PgPoolLike): Promise<Lease> {
    const client = await connect(pool, this.#acquireMs);
    survive(client);
    const release = (broken: boolean): void => {
      if (broken) cut(client);
      client.release(broken);
    };
    return { client, release };
  }

  async #single(client: PgClientLike): Promise<Lease> {
    const unlock = await locked(this.#mutex, this.#acquireMs);
    survive(client);
    if ((client.getTransactionStatus?.() ?? "I") !== "I") {
      unlock();
      throw new TypeError(
        "The client has an open transaction, so the ledger cannot begin one. Use `ledger.within(client)` to join it.",
      );
    }
    return { client, release: unlock };
  }
}

const mutexes = new WeakMap<PgClientLike, Mutex>();

export function mutexOf(client: PgClientLike): Mutex {
  const known = mutexes.get(client);
  if (known !== undefined) return known;
  const made = new Mutex();
  mutexes.set(client, made);
  return made;
}

export async function locked(mutex: Mutex, waitMs: number): Promise<() => void> {
  const unlock = await mutex.lock(waitMs);
  if (unlock !== undefined) return unlock;
  throw new Unavailable(`the client was busy with another operation for ${waitMs} ms`);
}

/** A pool without a timeout of its own would wait for ever. */
async function connect(pool: PgPoolLike, acquireMs: number): Promise<PgPoolClientLike> {
  const connecting = pool.connect();
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true;
      reject(new Error(`no connection within ${acquireMs} ms`));
    }, acquireMs);
  });
  // One that is idle will be handed over at once, and the race saved.
  const atOnce = pool.idleCount >= pool.waitingCount && pool.idleCount > 0;
  try {
    return await (atOnce ? connecting : Promise.race([connecting, expiry]));
  } catch (error) {
    if (late) connecting.then((client) => client.release()).catch(() => {});
    throw new Unavailable("no connection", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
