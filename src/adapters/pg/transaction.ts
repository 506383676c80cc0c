import { RolledBackError } from "../../core/errors.js";
import { endsTransaction } from "../../dialects/postgres/control.js";
import type { PgClientLike, PgQueryConfig, PgResult } from "./client.js";
import { noteLoss } from "./failure.js";

/** A query that drives the connection itself, such as pg-cursor's and pg-query-stream's. */
export interface PgSubmittable {
  submit: (connection: never) => void;
}

/** What the work of an operation gets: the queries of the transaction it runs in, and nothing that would end it. */
export interface PgTransaction {
  query<S extends PgSubmittable>(stream: S): S;
  query<R extends object = Record<string, unknown>>(
    query: string | PgQueryConfig,
    values?: readonly unknown[],
  ): Promise<PgResult<R>>;
}

/** A {@link PgTransaction} that can be closed, and that remembers what spoiled it. */
export class TransactionHandle implements PgTransaction {
  /** @internal What `within` joins. */
  readonly client: PgClientLike;
  #closed = false;
  /** The first error that the work saw, whether or not it let it through. */
  firstError: unknown;
  /** Why the transaction must not be reported as committed. */
  spoiled: RolledBackError | undefined;

  constructor(client: PgClientLike) {
    this.client = client;
  }

  get ended(): boolean {
    return this.#closed || this.spoiled !== undefined;
  }

  close(): void {
    this.#closed = true;
  }

  query<S extends PgSubmittable>(stream: S): S;
  query<R extends object>(query: string | PgQueryConfig, values?: readonly unknown[]): Promise<PgResult<R>>;
  query(...given: unknown[]): unknown {
    const [first] = given;
    if (typeof (first as Partial<PgSubmittable>)?.submit === "function") {
      this.refuseEnded();
      return this.#send(given);
    }
    return this.#run(textOf(first), given);
  }

  async #run(text: string, given: readonly unknown[]): Promise<unknown> {
    this.#refuseEnding(text);
    let result: unknown;
    try {
      result = await this.#send(given);
    } catch (error) {
      noteLoss(this.client, error);
      this.firstError ??= error;
      throw error;
    }
    if (this.client.getTransactionStatus?.() === "I") {
      throw this.#spoil("The work inside once() ended its transaction.");
    }
    return result;
  }

  #send(given: readonly unknown[]): unknown {
    const query = this.client.query as (...args: readonly unknown[]) => unknown;
    return query.apply(this.client, [...given]);
  }

  #refuseEnding(text: string): void {
    this.refuseEnded();
    if (endsTransaction(text)) {
      throw this.#spoil(
        "The work inside once() tried to begin or end a transaction; opledger does that itself.",
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

  #spoil(what: string): RolledBackError {
    this.spoiled = new RolledBackError(
      `${what} It was rolled back. Use SAVEPOINT and ROLLBACK TO for partial undo, and return to commit.`,
    );
    return this.spoiled;
  }
}

function textOf(query: unknown): string {
  if (typeof query === "string") return query;
  const { text } = (query ?? {}) as { text?: unknown };
  return typeof text === "string" ? text : "";
}
