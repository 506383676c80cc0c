import { AsyncLocalStorage } from "node:async_hooks";
import { Unavailable } from "../../core/failure.js";
import { Mutex } from "../../core/mutex.js";
import { cut, isPool, type PgClientLike, type PgPoolClientLike, type PgPoolLike } from "./client.js";
import { survive } from "./failure.js";

export interface Lease {
  readonly client: PgClientLike;
  /** @param broken the connection must not be used again */
  release(broken: boolean): void;
}

/** Hands out the connections of a pool, or the one connection there is to one operation at a time. */
export class Leases {
  readonly #source: PgPoolLike | PgClientLike;
  readonly #acquireMs: number;
  constructor(source: PgPoolLike | PgClientLike, acquireMs: number) {
    this.#source = source;
    this.#acquireMs = acquireMs;
    if (isPool(source)) watch(source);
  }

  take(): Promise<Lease> {
    return isPool(this.#source) ? this.#fromPool(this.#source) : this.#single(this.#source);
  }

  /** A pool without a timeout of its own would wait for ever; but a connection that is idle it hands over at once. */
  async #fromPool(pool: PgPoolLike): Promise<Lease> {
    const connecting = pool.connect();
    const atOnce = pool.idleCount > 0 && pool.idleCount >= pool.waitingCount;
    let client: PgPoolClientLike;
    try {
      client = await (atOnce ? connecting : inTime(connecting, this.#acquireMs));
    } catch (error) {
      throw new Unavailable("no connection", { cause: error });
    }
    survive(client);
    return new Pooled(client);
  }

  async #single(client: PgClientLike): Promise<Lease> {
    const unlock = await locked(transactions.of(client), this.#acquireMs);
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

class Pooled implements Lease {
  constructor(readonly client: PgPoolClientLike) {}

  release(broken: boolean): void {
    if (broken) cut(this.client);
    this.client.release(broken);
  }
}

const watched = new WeakSet<PgPoolLike>();

/** A server may end a connection in the same breath as it accepts it, before anyone holds the client. */
function watch(pool: PgPoolLike): void {
  if (watched.has(pool)) return;
  watched.add(pool);
  pool.on?.("connect", survive);
}

/** A mutex per client, shared by all ledgers over it. */
class Mutexes {
  readonly #byClient = new WeakMap<PgClientLike, Mutex>();

  of(client: PgClientLike): Mutex {
    let mutex = this.#byClient.get(client);
    if (mutex === undefined) {
      mutex = new Mutex();
      this.#byClient.set(client, mutex);
    }
    return mutex;
  }
}

/** Who may begin transactions on a single client. */
const transactions = new Mutexes();
/** Who may set savepoints in a client's open transaction: within a savepoint's own body, a level of its own. */
const savepoints = new Mutexes();
const levels = new AsyncLocalStorage<ReadonlyMap<PgClientLike, Mutex>>();

/** Runs a body that sets a savepoint, one at a time per level, so that no two of them interleave. */
export async function oneSavepoint<T>(
  client: PgClientLike,
  waitMs: number,
  body: () => Promise<T>,
): Promise<T> {
  const outer = levels.getStore();
  const unlock = await locked(outer?.get(client) ?? savepoints.of(client), waitMs);
  try {
    return await levels.run(new Map(outer).set(client, new Mutex()), body);
  } finally {
    unlock();
  }
}

async function locked(mutex: Mutex, waitMs: number): Promise<() => void> {
  const unlock = await mutex.lock(waitMs);
  if (unlock !== undefined) return unlock;
  throw new Unavailable(`the client was busy with another operation for ${waitMs} ms`);
}

async function inTime(connecting: Promise<PgPoolClientLike>, acquireMs: number): Promise<PgPoolClientLike> {
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true;
      reject(new Error(`no connection within ${acquireMs} ms`));
    }, acquireMs);
  });
  try {
    return await Promise.race([connecting, expiry]);
  } catch (error) {
    if (late) connecting.then((client) => client.release()).catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
