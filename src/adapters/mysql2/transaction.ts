import { RolledBackError } from "../../core/errors.js";
import { causes } from "../../core/failure.js";
import { endsTransaction } from "../../dialects/mysql/control.js";
import { type Connection, inTransaction, type QueryOptions } from "./client.js";

import { noteCutOff, noteLoss, poisons } from "./failure.js";

/** What the work of an operation gets: the queries of the transaction it runs in, and nothing that would end it. */
export interface MysqlTransaction {
  /** As mysql2's own: resolves with rows, or with what the statement changed, and the description of the columns. */
  query<T = Record<string, unknown>[]>(sql: string | QueryOptions, values?: unknown): Promise<[T, unknown]>;
  /** As `query`, prepared. */
  execute<T = Record<string, unknown>[]>(sql: string | QueryOptions, values?: unknown): Promise<[T, unknown]>;
}

/** A {@link MysqlTransaction} that can be closed, and that remembers what spoiled it. */
export class TransactionHandle implements MysqlTransaction {
  /** @internal What `within` joins. */
  readonly connection: Connection;
  #closed = false;
  /** The error that undid a part of the transaction, or all of it. */
  #poison: unknown;
  /** The first error that the work saw, whether or not it let it through. */
  firstError: unknown;
  /** Whether the server has said that the transaction is over, so that what it did may have been committed. */
  over = false;
  /** Why the transaction must not be reported as committed. */
  spoiled: RolledBackError | undefined;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** Whether an error, or what caused it, is the one that spoiled the transaction. */
  letThrough(error: unknown): boolean {
    for (const cause of causes(error)) if (cause === this.#poison) return true;
    return false;
  }

  get ended(): boolean {
    return this.#closed || this.spoiled !== undefined;
  }

  close(): void {
    this.#closed = true;
  }

  query<T>(sql: string | QueryOptions, values?: unknown): Promise<[T, unknown]> {
    return this.#run<T>("query", sql, values);
  }

  execute<T>(sql: string | QueryOptions, values?: unknown): Promise<[T, unknown]> {
    return this.#run<T>("execute", sql, values);
  }

  /** Remembers an error that the transaction saw. One that undid a part of it must not be lived with. */
  observe(error: unknown): void {
    noteLoss(this.connection, error);
    noteCutOff(error);
    this.firstError ??= error;
    if (poisons(error)) {
      this.#poison ??= error;
      this.#spoil(
        "A statement of the work was rolled back by a deadlock or a timeout, and the work went on.",
        error,
      );
    }
  }

  /** Statements after the transaction's end would commit on their own, so there are none. */
  refuseEnded(): void {
    if (this.spoiled !== undefined) throw this.spoiled;
    if (this.#closed) {
      throw new TypeError(
        "This transaction has ended: its handle was used after the work returned. Await every query inside the work.",
      );
    }
  }

  async #run<T>(
    method: "query" | "execute",
    sql: string | QueryOptions,
    values: unknown,
  ): Promise<[T, unknown]> {
    this.refuseEnded();
    const options =
      typeof sql === "string" ? { sql, values } : values === undefined ? sql : { ...sql, values };
    if (endsTransaction(options.sql)) {
      throw this.#spoil(
        "The work inside once() tried to begin or end a transaction, or to run a statement that commits by itself; " +
          "opledger commits.",
      );
    }
    const answer = await this.#send<T>(method, options);
    // Of several result sets the last one is the header of the whole.
    const [result] = answer as readonly unknown[];
    if (inTransaction(Array.isArray(result) ? result.at(-1) : result) === false) {
      this.over = true;
      throw this.#spoil("A statement of the work ended its transaction, so nothing more was sent.");
    }
    return answer;
  }

  async #send<T>(method: "query" | "execute", options: QueryOptions): Promise<[T, unknown]> {
    try {
      return await new Promise<[T, unknown]>((resolve, reject) => {
        this.connection[method](options, (error, result, fields) => {
          if (error === null) resolve([result as T, fields]);
          else reject(error);
        });
      });
    } catch (error) {
      this.observe(error);
      throw error;
    }
  }

  #spoil(what: string, cause?: unknown): RolledBackError {
    this.spoiled ??= new RolledBackError(
      `${what} It was rolled back. Let errors through; use SAVEPOINT and ROLLBACK TO for partial undo, and return to commit.`,
      { cause },
    );
    return this.spoiled;
  }
}
