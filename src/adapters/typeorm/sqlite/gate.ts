import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { DataSource, QueryRunner } from "typeorm";
import type { ResultSet } from "../../../core/executor.js";
import { Unavailable } from "../../../core/failure.js";
import { Mutex } from "../../../core/mutex.js";
import { runOn } from "./driver.js";

type Query = (sql: string, parameters?: unknown[], structured?: boolean) => Promise<unknown>;

/** What an operation's work may send to the connection, and whether it still may. */
interface Handle {
  readonly ended: boolean;
  readonly query: Query;
}

/** What of the shared query runner TypeORM keeps to itself. */
interface Internals {
  readonly transactionDepth: number;
  /** Whether there is anything to flush. */
  isDirty?: boolean;
  flush?(): Promise<void>;
}

const gates = new WeakMap<QueryRunner, Gate>();

/**
 * The one connection of a SQLite data source, which all of its query runners share: two transactions at once would be one.
 * While an operation has its own, everybody else's statements and transactions wait, and the other way round. What the
 * operation's work does by other repositories of the data source belongs to its transaction.
 */
export class Gate {
  /** The statement as the driver runs it, past the gate. */
  readonly query: Query;
  readonly #runner: QueryRunner & Internals;
  /** For statements and transactions that are none of opledger's. */
  readonly #waitMs: number;
  readonly #mutex = new Mutex();
  readonly #work = new AsyncLocalStorage<Handle>();
  /** Whether an operation has the connection. */
  #open = false;
  /** Statements of others that are under way. */
  readonly #passing = new Set<Promise<unknown>>();
  /** What lets others in again, while a transaction of TypeORM's own is open. */
  #leave: (() => void) | undefined;

  private constructor(runner: QueryRunner, waitMs: number) {
    this.query = runner.query.bind(runner) as Query;
    this.#runner = runner as QueryRunner & Internals;
    this.#waitMs = waitMs;
    this.#install(runner);
  }

  static of(dataSource: DataSource, waitMs: number): Gate {
    const runner = dataSource.createQueryRunner();
    const known = gates.get(runner);
    if (known !== undefined) return known;
    const made = new Gate(runner, waitMs);
    gates.set(runner, made);
    return made;
  }

  /**
   * Waits until the connection is free, and has it from then on.
   *
   * @param waitMs milliseconds
   * @returns what lets others in again
   * @throws {Unavailable} it did not become free in time
   */
  async enter(waitMs: number): Promise<() => void> {
    const free = await this.#lock(waitMs);
    this.#open = true;
    const leave = (): void => {
      this.#open = false;
      free();
    };
    if (await this.#passed(waitMs)) return leave;
    leave();
    throw busyFor(waitMs);
  }

  /** Waits until the statements of others have run that were let through before. */
  async #passed(waitMs: number): Promise<boolean> {
    if (this.#passing.size === 0) return true;
    const all = Promise.allSettled(this.#passing).then(() => true);
    return Promise.race([all, sleep(waitMs, false, { ref: false })]);
  }

  /** Runs one of opledger's own statements, by whoever has the connection. */
  run(sql: string, values: readonly unknown[]): ResultSet {
    return runOn(this.#runner.dataSource, sql, values);
  }

  /** Runs the work of an operation: what it sends past its own handle goes through that handle nevertheless. */
  working<T>(tx: Handle, body: () => Promise<T>): Promise<T> {
    return this.#work.run(tx, body);
  }

  /** Writes the database to where its driver keeps it, where it keeps it in memory. */
  async saved(): Promise<void> {
    this.#runner.isDirty = true;
    await this.#runner.flush?.();
  }

  async #lock(waitMs: number): Promise<() => void> {
    const leave = await this.#mutex.lock(waitMs);
    if (leave !== undefined) return leave;
    throw busyFor(waitMs);
  }

  #install(runner: QueryRunner): void {
    const start = runner.startTransaction.bind(runner);
    const ending = (end: () => Promise<void>) => async (): Promise<void> => {
      try {
        await end();
      } finally {
        if (this.#runner.transactionDepth === 0) {
          this.#leave?.();
          this.#leave = undefined;
        }
      }
    };
    Object.assign(runner, {
      query: (...given: Parameters<Query>) => this.#through(given),
      startTransaction: async (...given: Parameters<typeof start>) => {
        if (this.#runner.transactionDepth > 0 || this.#current() !== undefined) return start(...given);
        const leave = await this.#lock(this.#waitMs);
        try {
          await start(...given);
          this.#leave = leave;
        } catch (error) {
          leave();
          throw error;
        }
      },
      commitTransaction: ending(runner.commitTransaction.bind(runner)),
      rollbackTransaction: ending(runner.rollbackTransaction.bind(runner)),
    });
  }

  /** What the caller is part of, unless that is over: timers and the like may outlive it. */
  #current(): Handle | undefined {
    const handle = this.#work.getStore();
    return handle?.ended === false ? handle : undefined;
  }

  async #through(given: Parameters<Query>): Promise<unknown> {
    const tx = this.#current();
    if (tx !== undefined) return tx.query(...given);
    if (!this.#open) return this.#pass(given);
    const leave = await this.#lock(this.#waitMs);
    try {
      return await this.#pass(given);
    } finally {
      leave();
    }
  }

  /** TypeORM tells subscribers before it runs a statement, and what they ask in turn belongs to that statement. */
  async #pass(given: Parameters<Query>): Promise<unknown> {
    const handle = { ended: false, query: this.query };
    const passing = this.#work.run(handle, () => this.query(...given));
    this.#passing.add(passing);
    try {
      return await passing;
    } finally {
      handle.ended = true;
      this.#passing.delete(passing);
    }
  }
}

function busyFor(waitMs: number): Unavailable {
  return new Unavailable(`the data source's one connection was busy for ${waitMs} ms`);
}
