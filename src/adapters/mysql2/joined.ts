import type {
  Closing,
  Database,
  Executor,
  Failure,
  ResultSet,
  Statement,
  TransactionPlan,
} from "../../core/executor.js";
import { ConnectionLost, NotOurs, TransactionOver, Unavailable } from "../../core/failure.js";
import { inOrder, runScript } from "../../core/script.js";
import { inTurn } from "../../core/turns.js";
import { Bounded, closeInTurn } from "./bounded.js";
import { type Connection, connectionOf, type MysqlConnectionLike } from "./client.js";
import { isGone, survive } from "./failure.js";
import type { Sender } from "./session.js";
import { type MysqlTransaction, TransactionHandle } from "./transaction.js";
import { waitSeconds } from "./wait.js";

const statement = (sql: string): Statement => ({ sql, values: [] });

/** A transaction that somebody else opened: each call is a savepoint in it, so that a failed one leaves it usable. */
export class JoinedMysqlDatabase implements Database<MysqlTransaction> {
  readonly joined = true;
  readonly #connection: Connection;
  /** Where the transaction is that of another operation: the handle that its work got. */
  readonly #handle: TransactionHandle | undefined;
  readonly #sender: Sender;

  constructor(joined: MysqlConnectionLike | MysqlTransaction, sender: Sender) {
    this.#handle = joined instanceof TransactionHandle ? joined : undefined;
    this.#connection = this.#handle?.connection ?? connectionOf(joined as MysqlConnectionLike);
    this.#sender = sender;
    survive(this.#connection);
  }

  failure(error: unknown): Failure {
    return this.#sender.failure(error);
  }

  ready(timeoutMs: number): Promise<void> {
    return this.#sender.learn(this.#connection, timeoutMs);
  }

  async run(asked: Statement, timeoutMs: number): Promise<ResultSet> {
    await this.ready(timeoutMs);
    return this.#inSavepoint(timeoutMs, async ({ release }) => {
      const result = await this.#bounded(timeoutMs, timeoutMs).run(asked);
      await release();
      return result;
    });
  }

  async transaction<T>(plan: TransactionPlan<MysqlTransaction, T>): Promise<T> {
    if (plan.isolationLevel !== undefined) {
      throw new TypeError(
        "`isolationLevel` belongs to the transaction that was joined; set it where you begin it",
      );
    }
    await this.ready(plan.timeoutMs);
    return this.#inSavepoint(plan.timeoutMs, async ({ release }) => {
      const executor = this.#bounded(plan.timeoutMs, plan.waitMs);
      // Where there is no work of the caller's, all of it is bounded at once.
      if (plan.opening.length === 0) return executor.all(() => this.#through(plan, executor, release));
      return this.#through(plan, executor, release);
    });
  }

  async #through<T>(
    plan: TransactionPlan<MysqlTransaction, T>,
    executor: Bounded,
    release: () => Promise<void>,
  ): Promise<T> {
    const { opening, script } = plan;
    const opened =
      script === undefined ? await inSequence(executor, opening) : inOrder(await runScript(executor, script));
    const { closing, value } = await this.#body(plan, opened, executor);
    await executor.all(() => closeInTurn(executor, closing));
    await release();
    return value;
  }

  async #body<T>(
    plan: TransactionPlan<MysqlTransaction, T>,
    opened: readonly ResultSet[],
    executor: Executor,
  ): Promise<Closing<T>> {
    const handle = new TransactionHandle(this.#connection);
    try {
      const finish = await plan.body(opened, handle, executor);
      if (handle.spoiled !== undefined) throw handle.spoiled;
      if (isGone(this.#connection)) throw new ConnectionLost(handle.firstError);
      return finish;
    } catch (error) {
      if (handle.over) throw new TransactionOver(handle.spoiled);
      throw handle.spoiled === undefined || handle.letThrough(error) ? error : new NotOurs(handle.spoiled);
    } finally {
      handle.close();
      if (handle.spoiled !== undefined) this.#handle?.observe(handle.firstError);
    }
  }

  #bounded(timeoutMs: number, waitMs: number): Bounded {
    return new Bounded(this.#connection, this.#sender, timeoutMs, waitSeconds(waitMs, this.#sender.traits));
  }

  async #inSavepoint<T>(
    timeoutMs: number,
    body: (savepoint: { readonly release: () => Promise<void> }) => Promise<T>,
  ): Promise<T> {
    const late = (): Error =>
      new Unavailable(`the connection was busy with another operation for ${timeoutMs} ms`);
    const send = (sql: string): Promise<ResultSet> =>
      this.#sender.send(this.#connection, statement(sql), timeoutMs);
    return inTurn(this.#connection, timeoutMs, late, async (depth) => {
      const name = `opledger_join_${depth}`;
      try {
        this.#handle?.refuseEnded();
        await send(`SAVEPOINT ${name}`);
        if (!this.#sender.isOpen(this.#connection)) {
          throw new TypeError(
            "`within` joins an open transaction, and this connection has none; begin one first",
          );
        }
        return await body({ release: async () => void (await send(`RELEASE SAVEPOINT ${name}`)) });
      } catch (error) {
        this.#handle?.observe(error);
        await this.#undo(send, name);
        throw error;
      }
    });
  }

  async #undo(send: (sql: string) => Promise<ResultSet>, name: string): Promise<void> {
    if (isGone(this.#connection)) return;
    try {
      await send(`ROLLBACK TO SAVEPOINT ${name}`);
      await send(`RELEASE SAVEPOINT ${name}`);
    } catch {
      // The transaction is beyond saving; the error that led here says more than this one.
    }
  }
}

async function inSequence(executor: Executor, statements: readonly Statement[]): Promise<ResultSet[]> {
  const results: ResultSet[] = [];
  for (const each of statements) results.push(await executor.run(each));
  return results;
}
