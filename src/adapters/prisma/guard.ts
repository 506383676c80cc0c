import { RolledBackError } from "../../core/errors.js";
import { causes } from "../../core/failure.js";
import { inTurn } from "../../core/turns.js";
import { type PrismaClientLike, type PrismaTransactionOptions, transactionOf } from "./client.js";
import type { Engine } from "./engine.js";
import { busyFor, driverCause, isConnectionLoss } from "./failure.js";

/** Where a handle came from: joining it means joining the client behind it. */
const guards = new WeakMap<object, { readonly guard: Guard; readonly client: PrismaClientLike }>();

export function guardOf(
  client: PrismaClientLike,
): { readonly guard: Guard; readonly client: PrismaClientLike } | undefined {
  return guards.get(client);
}

const RAW = new Set<PropertyKey>(["$queryRaw", "$queryRawUnsafe", "$executeRaw", "$executeRawUnsafe"]);

/** What an operation's work may do with the client of its transaction, and what it has seen there. */
export class Guard {
  /** What the work gets: the caller's own client, with all of its extensions. */
  readonly client: PrismaClientLike;
  readonly #engine: Engine;
  readonly #timeoutMs: number;
  readonly #pending = new Set<Promise<unknown>>();
  #closed = false;
  #poison: unknown;
  /** The first error that the work saw, whether or not it let it through. */
  firstError: unknown;
  /** Why the transaction must not be reported as committed. */
  spoiled: RolledBackError | undefined;

  /** @param timeoutMs how long a nested transaction may wait for its turn, in milliseconds */
  constructor(client: PrismaClientLike, engine: Engine, timeoutMs: number) {
    this.#engine = engine;
    this.#timeoutMs = timeoutMs;
    this.client = this.#wrap(client);
  }

  /** Waits for what the work has sent without waiting for it: it belongs to the transaction. */
  async settle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  close(): void {
    this.#closed = true;
  }

  /** Whether an error, or what caused it, is the one that spoiled the transaction. */
  letThrough(error: unknown): boolean {
    for (const found of causes(error)) if (found === this.#poison) return true;
    return false;
  }

  observe(error: unknown): void {
    this.firstError ??= error;
    const cause = driverCause(error);
    const poisons = isConnectionLoss(error) || (cause !== undefined && this.#engine.poisons(cause));
    if (!poisons || this.spoiled !== undefined) return;
    this.#poison = error;
    this.#spoil(
      "An error in the work inside $once() undid more of its transaction than one statement.",
      error,
    );
  }

  /** Statements after the transaction's end would commit on their own, so there are none. */
  refuseEnded(): void {
    if (this.spoiled !== undefined) throw this.spoiled;
    if (this.#closed) {
      throw new TypeError(
        "This transaction has ended: its client was used after the work returned. Await every query inside the work.",
      );
    }
  }

  #wrap(client: PrismaClientLike): PrismaClientLike {
    const wrapped = inFrontOf(client, (key, receiver) => {
      const value: unknown = Reflect.get(client, key);
      if (RAW.has(key)) return (...given: unknown[]) => this.#raw(client, value as Method, given);
      if (key === "$transaction") return (...given: unknown[]) => this.#nested(client, given);
      if (typeof key === "string" && !/^[$_]/.test(key) && value !== null && typeof value === "object") {
        return this.#delegate(value);
      }
      return typeof value === "function" && key !== "constructor"
        ? (...given: unknown[]) => (value as Method).apply(receiver, given)
        : value;
    });
    guards.set(wrapped, { guard: this, client });
    return wrapped;
  }

  #raw(target: PrismaClientLike, method: Method, given: readonly unknown[]): unknown {
    this.refuseEnded();
    if (this.#engine.endsTransaction(textOf(given[0]))) {
      throw this.#spoil(
        "The work inside $once() tried to begin or end a transaction; opledger does that itself.",
      );
    }
    return this.#observed(method.apply(target, [...given]));
  }

  #nested(target: PrismaClientLike, [work, options]: readonly unknown[]): unknown {
    this.refuseEnded();
    if (typeof work !== "function") {
      throw new TypeError(
        "Inside $once() there is no `$transaction([…])`: Prisma would run it outside of the operation's transaction. Await the " +
          "writes one by one, or use `$transaction(async (tx) => …)`, which is a savepoint.",
      );
    }
    const run = work as (tx: PrismaClientLike) => Promise<unknown>;
    const nested = (): Promise<unknown> =>
      target.$transaction((tx) => run(this.#wrap(tx)), options as PrismaTransactionOptions | undefined);
    // Prisma refuses those that run at the same moment, and its savepoints must not cross ours.
    const turn = inTurn(transactionOf(target), this.#timeoutMs, () => busyFor(this.#timeoutMs), nested);
    return this.#track(
      turn.catch((error: unknown) => {
        this.observe(error);
        throw error;
      }),
    );
  }

  #delegate(model: object): object {
    return inFrontOf(model, (key) => {
      const value: unknown = Reflect.get(model, key);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        this.refuseEnded();
        return this.#observed((value as Method).apply(model, given));
      };
    });
  }

  /** Prisma's promises send nothing until somebody waits for them, and carry the relations of what they find. */
  #observed(promise: unknown): unknown {
    if (promise === null || typeof promise !== "object" || !("then" in promise)) return promise;
    const then: Then = (done, failed) => {
      const run = async (): Promise<unknown> => {
        this.refuseEnded();
        try {
          return await (promise as Promise<unknown>);
        } catch (error) {
          this.observe(error);
          throw error;
        }
      };
      return this.#track(run()).then(done, failed);
    };
    return new Proxy(promise, {
      get: (target, key) => {
        if (key === "then") return then;
        if (key === "catch") return (failed: Parameters<Then>[1]) => then(undefined, failed);
        if (key === "finally") return (last: () => void) => then(undefined, undefined).finally(last);
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function"
          ? (...given: unknown[]) => this.#observed((value as Method).apply(target, given))
          : value;
      },
    });
  }

  #track<T>(promise: Promise<T>): Promise<T> {
    this.#pending.add(promise);
    const done = (): void => void this.#pending.delete(promise);
    promise.then(done, done);
    return promise;
  }

  #spoil(what: string, cause?: unknown): RolledBackError {
    this.spoiled = new RolledBackError(
      `${what} It was rolled back. Use SAVEPOINT and ROLLBACK TO, or a nested $transaction, for partial undo, and return to commit.`,
      { cause },
    );
    return this.spoiled;
  }
}

/**
 * A proxy that stands for an object, and is not one over it: the objects are Prisma's own proxies, and for each property that a proxy
 * over one of those gives, the engine asks it to describe the property as well.
 */
function inFrontOf<T extends object>(object: T, get: (key: PropertyKey, receiver: unknown) => unknown): T {
  return new Proxy({} as T, {
    get: (_target, key, receiver) => get(key, receiver),
    has: (_target, key) => Reflect.has(object, key),
    set: (_target, key, value) => Reflect.set(object, key, value),
    ownKeys: () => Reflect.ownKeys(object),
    getOwnPropertyDescriptor: (_target, key) => {
      const own = Reflect.getOwnPropertyDescriptor(object, key);
      return own === undefined ? undefined : { ...own, configurable: true };
    },
    getPrototypeOf: () => Reflect.getPrototypeOf(object),
  });
}

type Method = (...given: unknown[]) => unknown;
type Then = (
  done?: ((value: unknown) => unknown) | null,
  failed?: ((error: unknown) => unknown) | null,
) => Promise<unknown>;

/** The text of a raw query: a string, a template's strings, or an object of Prisma's that has it. */
function textOf(query: unknown): string {
  if (typeof query === "string") return query;
  if (Array.isArray(query)) return query.join("?");
  const { sql } = (query ?? {}) as { sql?: unknown };
  return typeof sql === "string" ? sql : "";
}
