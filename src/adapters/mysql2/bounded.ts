import type { Executor, ResultSet, Statement } from "../../core/executor.js";
import { LedgerDuplicate, NotOurs } from "../../core/failure.js";
import { ERRNO } from "../../dialects/mysql/failure.js";
import type { Connection } from "./client.js";
import { errnoOf, isConnectionLoss } from "./failure.js";
import type { Sender } from "./session.js";

/**
 * Sends statements one at a time, each with a bound on how long it may wait for a lock. The session's own bound is as
 * before afterwards; a connection on which that cannot be said is cut.
 */
export class Bounded implements Executor {
  constructor(
    readonly connection: Connection,
    readonly sender: Sender,
    readonly timeoutMs: number,
    readonly waitSeconds: number,
  ) {}

  #held = false;

  async run(statement: Statement): Promise<ResultSet> {
    if (this.#held || this.sender.traits.boundsStatements) return this.#attempt(statement);
    return this.all(() => this.#attempt(statement));
  }

  /** Bounds all that `body` runs at once. Nothing of the caller's own may run in it. */
  async all<T>(body: () => Promise<T>): Promise<T> {
    if (this.#held || this.sender.traits.boundsStatements) return body();
    return this.#bounded(body);
  }

  async #attempt(statement: Statement): Promise<ResultSet> {
    try {
      return await this.#send(statement);
    } catch (error) {
      if (errnoOf(error) !== ERRNO.duplicateEntry) throw error;
      if (statement.orElse !== undefined) return this.#send(statement.orElse);
      // Only the ledger's own rows have a count that they must come to.
      throw statement.affects === undefined ? error : new LedgerDuplicate(error);
    }
  }

  #send(statement: Statement): Promise<ResultSet> {
    const { sender, connection, timeoutMs, waitSeconds } = this;
    if (!sender.traits.boundsStatements) return sender.send(connection, statement, timeoutMs);
    const sql = `SET STATEMENT innodb_lock_wait_timeout = ${waitSeconds} FOR ${statement.sql}`;
    return sender.send(
      connection,
      statement.name === undefined ? { ...statement, sql } : { ...statement, sql, name: sql },
      timeoutMs,
    );
  }

  async #bounded<T>(body: () => Promise<T>): Promise<T> {
    const { sender, connection, timeoutMs, waitSeconds } = this;
    const send = (sql: string): Promise<ResultSet> => sender.send(connection, { sql, values: [] }, timeoutMs);
    await send(
      `SET @opledger_wait = @@SESSION.innodb_lock_wait_timeout, SESSION innodb_lock_wait_timeout = ${waitSeconds}`,
    );
    let lost = false;
    this.#held = true;
    try {
      return await body();
    } catch (error) {
      lost = isConnectionLoss(error);
      throw error;
    } finally {
      this.#held = false;
      if (!lost) {
        await send("SET SESSION innodb_lock_wait_timeout = @opledger_wait").catch(() => connection.destroy());
      }
    }
  }
}

/** Runs the statements that end an operation, each of which must affect as many rows as it says. */
export async function closeInTurn(bounded: Bounded, closing: readonly Statement[]): Promise<void> {
  for (const each of closing) {
    const { affected } = await bounded.run(each);
    if (each.affects !== undefined && affected !== each.affects) throw new NotOurs(undefined);
  }
}
