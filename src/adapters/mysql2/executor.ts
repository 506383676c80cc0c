import type {
  Closing,
  Database,
  Executor,
  Failure,
  ResultSet,
  Statement,
  TransactionPlan,
} from "../../core/executor.js";
import { CommitLost, ConnectionLost, NotOurs, TransactionOver, Unavailable } from "../../core/failure.js";
import { Mutex } from "../../core/mutex.js";
import { inOrder } from "../../core/script.js";
import type { Traits } from "../../dialects/mysql/traits.js";
import { Bounded } from "./bounded.js";
import {
  type Connection,
  connectionOf,
  isPool,
  type MysqlConnectionLike,
  type MysqlPoolLike,
  poolOf,
} from "./client.js";
import { isConnectionLoss, isGone, survive } from "./failure.js";
import { JoinedMysqlDatabase } from "./joined.js";
import { Sender, type SessionOptions } from "./session.js";
import { BEGIN, COMMIT, MARK, ROLLBACK, stepsOf } from "./steps.js";
import { type MysqlTransaction, TransactionHandle } from "./transaction.js";
import { waitSeconds } from "./wait.js";

interface Lease {
  readonly connection: Connection;
  /** @param broken the connection must not be used again */
  readonly release: (broken: boolean) => void;
}

const statement = (sql: string): Statement => ({ sql, values: [] });

/** A pool or a single connection: every statement and transaction is opledger's own. */
export class MysqlDatabase implements Database<MysqlTransaction> {
  readonly joined = false;
  readonly #source: MysqlPoolLike | MysqlConnectionLike;
  readonly #sender: Sender;
  readonly #mutex = new Mutex();

  constructor(source: MysqlPoolLike | MysqlConnectionLike, options: SessionOptions) {
    this.#source = source;
    this.#sender = new Sender(options);
  }

  get traits(): Traits {
    return this.#sender.traits;
  }

  failure(error: unknown): Failure {
    return this.#sender.failure(error);
  }

  within(joined: MysqlConnectionLike | MysqlTransaction): JoinedMysqlDatabase {
    return new JoinedMysqlDatabase(joined, this.#sender);
  }

  async ready(timeoutMs: number): Promise<void> {
    if (this.#sender.known) return;
    const lease = await this.#lease(timeoutMs);
    lease.release(isGone(lease.connection));
  }

  async run(statement: Statement, timeoutMs: number): Promise<ResultSet> {
    const { connection, release } = await this.#lease(timeoutMs);
    try {
      const result = await this.#alone(connection, statement, timeoutMs);
      // Where the session does not commit by itself.
      if (this.#sender.isOpen(connection)) await this.#sender.send(connection, COMMIT, timeoutMs);
      release(false);
      return result;
    } catch (error) {
      const lost = isConnectionLoss(error);
      release(lost);
      // Sent as a transaction of its own, so the server may have committed it before the connection broke.
      throw lost ? new CommitLost(error) : error;
    }
  }

  async #alone(connection: Connection, statement: Statement, timeoutMs: number): Promise<ResultSet> {
    if (statement.waitMs !== undefined) {
      const seconds = waitSeconds(statement.waitMs, this.#sender.traits);
      return new Bounded(connection, this.#sender, timeoutMs, seconds).run(statement);
    }
    return this.#sender.send(connection, statement, timeoutMs);
  }

  async transaction<T>(plan: TransactionPlan<MysqlTransaction, T>): Promise<T> {
    const { connection, release } = await this.#lease(plan.timeoutMs);
    let broken = true;
    try {
      const value = await new OwnTransaction(connection, this.#sender, plan).run();
      broken = false;
      return value;
    } catch (error) {
      broken = isConnectionLoss(error) || !(await this.#rollback(connection, plan.timeoutMs));
      throw error;
    } finally {
      release(broken);
    }
  }

  /** @returns whether the connection is fit for use again */
  async #rollback(connection: Connection, timeoutMs: number): Promise<boolean> {
    try {
      await this.#sender.send(connection, ROLLBACK, timeoutMs);
      return true;
    } catch {
      return false;
    }
  }

  async #lease(timeoutMs: number): Promise<Lease> {
    const { acquireMs } = this.#sender.options;
    const lease = isPool(this.#source)
      ? pooled(await connect(this.#source, acquireMs))
      : { connection: connectionOf(this.#source), release: await locked(this.#mutex, acquireMs) };
    survive(lease.connection);
    try {
      await this.#sender.learn(lease.connection, timeoutMs);
      return lease;
    } catch (error) {
      lease.release(true);
      throw new Unavailable("the server did not say what it is", { cause: error });
    }
  }
}

const ISOLATION_LEVELS: ReadonlySet<string> = new Set(["read committed", "repeatable read", "serializable"]);

/** One transaction of the ledger's own: two round trips beside the body's. */
class OwnTransaction<T> {
  readonly #connection: Connection;
  readonly #sender: Sender;
  readonly #plan: TransactionPlan<MysqlTransaction, T>;
  readonly #bounded: Bounded;
  #open = false;

  constructor(connection: Connection, sender: Sender, plan: TransactionPlan<MysqlTransaction, T>) {
    this.#connection = connection;
    this.#sender = sender;
    this.#plan = plan;
    this.#bounded = new Bounded(connection, sender, plan.timeoutMs, waitSeconds(plan.waitMs, sender.traits));
  }

  async run(): Promise<T> {
    const { isolationLevel } = this.#plan;
    if (isolationLevel !== undefined) {
      if (!ISOLATION_LEVELS.has(isolationLevel))
        throw new TypeError(`not an isolation level: ${isolationLevel}`);
      await this.#send(statement(`SET TRANSACTION ISOLATION LEVEL ${isolationLevel.toUpperCase()}`));
    }
    // Where there is no work of the caller's, all of it is bounded at once.
    return this.#plan.opening.length === 0 && this.#plan.script === undefined
      ? this.#bounded.all(() => this.#through())
      : this.#through();
  }

  async #through(): Promise<T> {
    const opened = await this.#begin();
    const handle = new TransactionHandle(this.#connection);
    const executor: Executor = { run: (asked) => this.#execute(asked) };
    let finish: Closing<T>;
    try {
      finish = await this.#plan.body(opened, handle, executor);
    } catch (error) {
      throw handle.spoiled === undefined ? error : spoiledBy(handle, error);
    } finally {
      handle.close();
    }
    if (handle.spoiled !== undefined) throw spoiledBy(handle, undefined);
    if (isGone(this.#connection)) throw new ConnectionLost(handle.firstError);
    await this.#commit(finish.closing);
    return finish.value;
  }

  async #begin(): Promise<readonly ResultSet[]> {
    const { opening, script } = this.#plan;
    if (opening.length === 0 && script === undefined) {
      await this.#send(BEGIN);
      this.#open = true;
      return [];
    }
    const steps = stepsOf(this.#bounded);
    if (script === undefined) {
      const { results, open } = await steps.opening(opening);
      this.#open = open;
      return results;
    }
    const { results, open } = await steps.script(script);
    this.#open = open;
    return inOrder(results);
  }

  /** A statement between opening and closing. Where the opening left no transaction open, there is one from now on. */
  async #execute(asked: Statement): Promise<ResultSet> {
    if (!this.#open) {
      await this.#send(BEGIN);
      await this.#send(MARK);
      this.#open = true;
    }
    return this.#bounded.run(asked);
  }

  async #commit(closing: readonly Statement[]): Promise<void> {
    if (closing.length === 0 && !this.#open) return;
    try {
      // A script runs nothing but the ledger's own statements, which cannot have ended the transaction.
      if (closing.length > 0) await stepsOf(this.#bounded).closing(closing, this.#plan.script === undefined);
      else await this.#send(COMMIT);
    } catch (error) {
      // From the moment COMMIT is sent, a broken connection says nothing of what became of it.
      throw isConnectionLoss(error) ? new CommitLost(error) : error;
    }
  }

  #send(asked: Statement): Promise<ResultSet> {
    return this.#sender.send(this.#connection, asked, this.#plan.timeoutMs);
  }
}

/** The error that spoiled the transaction says whether it is worth another try; any other hides it. */
function spoiledBy(handle: TransactionHandle, error: unknown): unknown {
  if (handle.over) return new TransactionOver(handle.spoiled);
  return handle.letThrough(error) || isConnectionLoss(error) ? error : new NotOurs(handle.spoiled);
}

function pooled(connection: Connection): Lease {
  const release = (broken: boolean): void => {
    if (broken) connection.destroy();
    else connection.release?.();
  };
  return { connection, release };
}

async function locked(mutex: Mutex, waitMs: number): Promise<() => void> {
  const unlock = await mutex.lock(waitMs);
  if (unlock !== undefined) return unlock;
  throw new Unavailable(`the connection was busy with another operation for ${waitMs} ms`);
}

/** A pool has no timeout of its own, and would wait for ever. */
function connect(pool: MysqlPoolLike, acquireMs: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      reject(new Unavailable(`no connection within ${acquireMs} ms`));
    }, acquireMs);
    poolOf(pool).getConnection((error, connection) => {
      clearTimeout(timer);
      if (late) connection?.release?.();
      else if (error !== null || connection === undefined)
        reject(new Unavailable("no connection", { cause: error }));
      else resolve(connection);
    });
  });
}
