import type {
  Closing,
  Database,
  Executor,
  Failure,
  ResultSet,
  Statement,
  TransactionPlan,
} from "../../core/executor.js";
import type { LedgerName } from "../../dialects/postgres/failure.js";
import {
  cut,
  isPool,
  type PgClientLike,
  type PgPoolClientLike,
  type PgPoolLike,
  type PgQueryConfig,
  type PgResult,
} from "./client.js";
import {
  CommitLost,
  ConnectionLost,
  isConnectionLoss,
  isGone,
  NotOurs,
  noteLoss,
  noteReplan,
  pgFailure,
  sqlState,
  survive,
  Unavailable,
} from "./failure.js";
import { Mutex } from "./mutex.js";
import { pipelined } from "./pipeline.js";
import { type PgTransaction, TransactionHandle } from "./transaction.js";

export interface PgExecutorOptions {
  readonly ledger: LedgerName;
  /** Whether statements are prepared under names; `auto` stops where a pooler refuses them. */
  readonly prepare: "auto" | boolean;
  /** Milliseconds to wait for a connection of the pool. */
  readonly acquireMs: number;
}

interface Lease {
  readonly client: PgClientLike;
  /** @param broken the connection must not be used again */
  readonly release: (broken: boolean) => void;
}

/** What the databases over one source share: how statements are sent. */
class Sender {
  #named: boolean;
  /** Part of every name, so that a new one makes the server plan anew. */
  #generation = 0;
  /** The names that have run on each connection, whose plans the server may keep. */
  readonly #used = new WeakMap<PgClientLike, Set<string>>();

  constructor(readonly options: PgExecutorOptions) {
    this.#named = options.prepare !== false;
  }

  config({ sql, values, name }: Statement): PgQueryConfig {
    const config = { text: sql, values: [...values] };
    return this.#named && name !== undefined ? { ...config, name: `${name}_${this.#generation}` } : config;
  }

  failure(error: unknown): Failure {
    return pgFailure(error, this.options.ledger);
  }

  /**
   * Learns from a refused prepared statement: a pooler that has none, or a table whose columns changed since.
   *
   * @see https://www.postgresql.org/docs/current/sql-prepare.html
   */
  #learn(error: unknown, prepared: boolean): void {
    const state = sqlState(error);
    if (state === "0A000" && prepared) {
      this.#generation += 1;
      noteReplan(error);
    } else if ((state === "42P05" || state === "26000") && this.options.prepare === "auto")
      this.#named = false;
  }

  async send(client: PgClientLike, statements: readonly Statement[], timeoutMs: number): Promise<PgResult[]> {
    const configs = statements.map((statement) => this.config(statement));
    const used = this.#usedNames(client);
    try {
      const results = await answered(client, pipelined(client, configs), timeoutMs);
      for (const { name } of configs) if (name !== undefined) used.add(name);
      return results;
    } catch (error) {
      noteLoss(client, error);
      this.#learn(
        error,
        configs.some(({ name }) => name !== undefined && used.has(name)),
      );
      throw error;
    }
  }

  #usedNames(client: PgClientLike): Set<string> {
    let used = this.#used.get(client);
    if (used === undefined) {
      used = new Set();
      this.#used.set(client, used);
    }
    return used;
  }
}

/**
 * Waits for an answer, but not for ever: a connection that stays silent is cut, which fails the query, and its answer
 * cannot come late.
 */
async function answered<T>(client: PgClientLike, answer: Promise<T>, timeoutMs: number): Promise<T> {
  const timer = setTimeout(cut, timeoutMs, client);
  try {
    return await answer;
  } finally {
    clearTimeout(timer);
  }
}

function resultSet({ rows, rowCount }: PgResult): ResultSet {
  return { rows, affected: rowCount ?? 0 };
}

function statement(sql: string): Statement {
  return { sql, values: [] };
}

/** A pool or a single connection: every statement and transaction is opledger's own. */
export class PgDatabase implements Database<PgTransaction> {
  readonly joined = false;
  readonly #source: PgPoolLike | PgClientLike;
  readonly #sender: Sender;
  readonly #mutex = new Mutex();

  constructor(source: PgPoolLike | PgClientLike, options: PgExecutorOptions) {
    this.#source = source;
    this.#sender = new Sender(options);
  }

  failure(error: unknown): Failure {
    return this.#sender.failure(error);
  }

  within(joined: PgClientLike | PgTransaction): JoinedPgDatabase {
    return new JoinedPgDatabase(joined, this.#sender);
  }

  async run(statement: Statement, timeoutMs: number): Promise<ResultSet> {
    const lease = await this.#lease();
    try {
      const [result] = await this.#sender.send(lease.client, [statement], timeoutMs);
      lease.release(false);
      return result === undefined ? { rows: [], affected: 0 } : resultSet(result);
    } catch (error) {
      const lost = isConnectionLoss(error);
      lease.release(lost);
      // Sent as a transaction of its own, so the server may have committed it before the connection broke.
      throw lost ? new CommitLost(error) : error;
    }
  }

  async transaction<T>(plan: TransactionPlan<PgTransaction, T>): Promise<T> {
    const lease = await this.#lease();
    let broken = true;
    try {
      const level =
        plan.isolationLevel === undefined ? "" : ` ISOLATION LEVEL ${plan.isolationLevel.toUpperCase()}`;
      const value = await transact(lease.client, this.#sender, plan, {
        begin: statement(`BEGIN${level}`),
        commit: statement("COMMIT"),
      });
      broken = false;
      return value;
    } catch (error) {
      broken = isConnectionLoss(error) || !(await this.#rollback(lease.client, plan.timeoutMs));
      throw error;
    } finally {
      lease.release(broken);
    }
  }

  /** @returns whether the connection is fit for use again */
  async #rollback(client: PgClientLike, timeoutMs: number): Promise<boolean> {
    try {
      await this.#sender.send(client, [statement("ROLLBACK")], timeoutMs);
      return true;
    } catch {
      return false;
    }
  }

  async #lease(): Promise<Lease> {
    const source = this.#source;
    if (isPool(source)) {
      const client = await connect(source, this.#sender.options.acquireMs);
      survive(client);
      const release = (broken: boolean): void => {
        if (broken) cut(client);
        client.release(broken);
      };
      return { client, release };
    }
    const unlock = await locked(this.#mutex, this.#sender.options.acquireMs);
    survive(source);
    if ((source.getTransactionStatus?.() ?? "I") !== "I") {
      unlock();
      throw new TypeError(
        "The client has an open transaction, so the ledger cannot begin one. Use `ledger.within(client)` to join it.",
      );
    }
    return { client: source, release: unlock };
  }
}

/** A transaction that the caller opened: each call is a savepoint in it, so that a failed one leaves it usable. */
export class JoinedPgDatabase implements Database<PgTransaction> {
  readonly joined = true;
  readonly #client: PgClientLike;
  /** Where the transaction is that of another operation: the handle that its work got. */
  readonly #handle: TransactionHandle | undefined;
  readonly #sender: Sender;

  constructor(joined: PgClientLike | PgTransaction, sender: Sender) {
    this.#handle = joined instanceof TransactionHandle ? joined : undefined;
    this.#client = this.#handle?.client ?? (joined as PgClientLike);
    this.#sender = sender;
    survive(this.#client);
  }

  failure(error: unknown): Failure {
    return this.#sender.failure(error);
  }

  run(statement: Statement, timeoutMs: number): Promise<ResultSet> {
    return this.#inSavepoint(timeoutMs, async () => {
      const [, result] = await this.#sender.send(this.#client, [SAVEPOINT, statement, RELEASE], timeoutMs);
      return result === undefined ? { rows: [], affected: 0 } : resultSet(result);
    });
  }

  async transaction<T>(plan: TransactionPlan<PgTransaction, T>): Promise<T> {
    if (plan.isolationLevel !== undefined) {
      throw new TypeError(
        "`isolationLevel` belongs to the transaction that was joined; set it where you begin it",
      );
    }
    return this.#inSavepoint(plan.timeoutMs, () =>
      transact(this.#client, this.#sender, plan, { begin: SAVEPOINT, commit: RELEASE }),
    );
  }

  async #inSavepoint<T>(timeoutMs: number, body: () => Promise<T>): Promise<T> {
    const unlock = await locked(mutexOf(this.#client), timeoutMs);
    try {
      this.#handle?.refuseEnded();
      if (this.#client.getTransactionStatus?.() === "I") {
        throw new TypeError("`within` joins an open transaction, and this client has none; begin one first");
      }
      return await body();
    } catch (error) {
      await this.#undo(timeoutMs);
      throw error;
    } finally {
      unlock();
    }
  }

  async #undo(timeoutMs: number): Promise<void> {
    if (isGone(this.#client) || this.#handle?.ended === true || this.#client.getTransactionStatus?.() === "I")
      return;
    try {
      await this.#sender.send(this.#client, [UNDO, RELEASE], timeoutMs);
    } catch {
      // The transaction is beyond saving; the error that led here says more than this one.
    }
  }
}

const SAVEPOINT = statement("SAVEPOINT opledger");
const RELEASE = statement("RELEASE SAVEPOINT opledger");
const UNDO = statement("ROLLBACK TO SAVEPOINT opledger");

/** Begins with the opening, runs the body, and commits with its closing: two round trips beside the body's own. */
async function transact<T>(
  client: PgClientLike,
  sender: Sender,
  plan: TransactionPlan<PgTransaction, T>,
  ends: { readonly begin: Statement; readonly commit: Statement },
): Promise<T> {
  const { timeoutMs } = plan;
  const [, ...opened] = await sender.send(client, [ends.begin, ...plan.opening], timeoutMs);
  const handle = new TransactionHandle(client);
  const executor: Executor = {
    run: async (statement) => {
      const [result] = await sender.send(client, [statement], timeoutMs);
      return result === undefined ? { rows: [], affected: 0 } : resultSet(result);
    },
  };
  let finish: Closing<T>;
  try {
    finish = await plan.body(opened.map(resultSet), handle, executor);
  } catch (error) {
    throw handle.spoiled === undefined ? error : new NotOurs(handle.spoiled);
  } finally {
    handle.close();
  }
  if (handle.spoiled !== undefined) throw new NotOurs(handle.spoiled);
  if (isGone(client)) throw new ConnectionLost(handle.firstError);
  return commit(client, sender, finish, ends.commit, handle.firstError, timeoutMs);
}

async function commit<T>(
  client: PgClientLike,
  sender: Sender,
  { closing, value }: Closing<T>,
  end: Statement,
  firstError: unknown,
  timeoutMs: number,
): Promise<T> {
  let results: readonly PgResult[];
  try {
    results = await sender.send(client, [...closing, end], timeoutMs);
  } catch (error) {
    // From the moment COMMIT is sent, a broken connection says nothing of what became of it.
    if (isConnectionLoss(error)) throw new CommitLost(error);
    // The transaction had been aborted (25P02), or was over (25P01), before the result could be stored.
    const state = sqlState(error);
    throw state === "25P02" || state === "25P01" ? new NotOurs(firstError ?? error) : error;
  }
  // An aborted transaction answers COMMIT with ROLLBACK, and that is no error to the driver.
  if (results.at(-1)?.command === "ROLLBACK") throw new NotOurs(firstError);
  return value;
}

const mutexes = new WeakMap<PgClientLike, Mutex>();

function mutexOf(client: PgClientLike): Mutex {
  const known = mutexes.get(client);
  if (known !== undefined) return known;
  const made = new Mutex();
  mutexes.set(client, made);
  return made;
}

async function locked(mutex: Mutex, waitMs: number): Promise<() => void> {
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
  try {
    return await (pool.idleCount > 0 ? connecting : Promise.race([connecting, expiry]));
  } catch (error) {
    if (late) connecting.then((client) => client.release()).catch(() => {});
    throw new Unavailable("no connection", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
