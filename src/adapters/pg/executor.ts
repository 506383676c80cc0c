import type {
  Closing,
  Database,
  Executor,
  Failure,
  IsolationLevel,
  ResultSet,
  Statement,
  TransactionPlan,
} from "../../core/executor.js";
import { CommitLost, ConnectionLost, NotOurs } from "../../core/failure.js";
import type { PgClientLike, PgPoolLike } from "./client.js";
import type { PgAnswer } from "./exchange.js";
import { isConnectionLoss, isGone, sqlState, survive } from "./failure.js";
import { Leases, oneSavepoint } from "./lease.js";
import { type PgExecutorOptions, resultSet, Sender, statement } from "./sender.js";
import { type PgTransaction, TransactionHandle } from "./transaction.js";

/** A pool or a single connection: every statement and transaction is opledger's own. */
export class PgDatabase implements Database<PgTransaction> {
  readonly joined = false;
  readonly #leases: Leases;
  readonly #sender: Sender;

  constructor(
    source: PgPoolLike | PgClientLike,
    options: PgExecutorOptions & { readonly acquireMs: number },
  ) {
    this.#leases = new Leases(source, options.acquireMs);
    this.#sender = new Sender(options);
  }

  failure(error: unknown): Failure {
    return this.#sender.failure(error);
  }

  within(joined: PgClientLike | PgTransaction): JoinedPgDatabase {
    return new JoinedPgDatabase(joined, this.#sender);
  }

  async run(statement: Statement, timeoutMs: number): Promise<ResultSet> {
    const lease = await this.#leases.take();
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
    const lease = await this.#leases.take();
    let broken = true;
    try {
      const value = await transact(lease.client, this.#sender, plan, {
        begin: BEGIN[plan.isolationLevel ?? "default"],
        commit: COMMIT,
        lost: CommitLost,
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
      transact(this.#client, this.#sender, plan, { begin: SAVEPOINT, commit: RELEASE, lost: ConnectionLost }),
    );
  }

  #inSavepoint<T>(timeoutMs: number, body: () => Promise<T>): Promise<T> {
    return oneSavepoint(this.#client, this.#sender.options.acquireMs, async () => {
      this.#handle?.refuseEnded();
      if (this.#client.getTransactionStatus?.() === "I") {
        throw new TypeError("`within` joins an open transaction, and this client has none; begin one first");
      }
      try {
        return await body();
      } catch (error) {
        await this.#undo(timeoutMs);
        throw error;
      }
    });
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

const BEGIN: Readonly<Record<IsolationLevel | "default", Statement>> = {
  default: statement("BEGIN"),
  "read committed": statement("BEGIN ISOLATION LEVEL READ COMMITTED"),
  "repeatable read": statement("BEGIN ISOLATION LEVEL REPEATABLE READ"),
  serializable: statement("BEGIN ISOLATION LEVEL SERIALIZABLE"),
};
const COMMIT = statement("COMMIT");
const SAVEPOINT = statement("SAVEPOINT opledger");
const RELEASE = statement("RELEASE SAVEPOINT opledger");
const UNDO = statement("ROLLBACK TO SAVEPOINT opledger");

/** How a transaction, or a savepoint, begins and ends, and what it means to lose the connection at its end. */
interface Ends {
  readonly begin: Statement;
  readonly commit: Statement;
  readonly lost: typeof CommitLost | typeof ConnectionLost;
}

/** Begins with the opening, runs the body, and commits with its closing: two round trips beside the body's own. */
async function transact<T>(
  client: PgClientLike,
  sender: Sender,
  plan: TransactionPlan<PgTransaction, T>,
  ends: Ends,
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
  return commit(client, sender, finish, ends, handle.firstError, timeoutMs);
}

async function commit<T>(
  client: PgClientLike,
  sender: Sender,
  { closing, value }: Closing<T>,
  ends: Ends,
  firstError: unknown,
  timeoutMs: number,
): Promise<T> {
  let results: readonly PgAnswer[];
  try {
    results = await sender.send(client, [...closing, ends.commit], timeoutMs);
  } catch (error) {
    // From the moment COMMIT is sent, a broken connection says nothing of what became of it.
    if (isConnectionLoss(error)) throw new ends.lost(error);
    // The transaction had been aborted (25P02), or was over (25P01), before the result could be stored.
    const state = sqlState(error);
    throw state === "25P02" || state === "25P01" ? new NotOurs(firstError ?? error) : error;
  }
  // An aborted transaction answers COMMIT with ROLLBACK, and that is no error to the driver.
  if (results.at(-1)?.command === "ROLLBACK") throw new NotOurs(firstError);
  return value;
}
