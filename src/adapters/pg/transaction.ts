import { RolledBackError } from "../../core/errors.js";
import { endsTransaction } from "../../dialects/postgres/control.js";
import type { PgClientLike, PgQueryConfig, PgResult } from "./client.js";
import { noteLoss } from "./failure.js";
import { guard, queryObject, type Submittable } from "./pipeline.js";

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
    if (typeof (first as Partial<PgSubmittable>)?.submit !== "function")
      return this.#run(textOf(first), given);
    this.#refuseEnding(textOf(first));
    if (textOf(first) !== "") Object.assign(first as object, EXTENDED);
    guard(first as Submittable, () => this.#objection());
    return this.#call(given);
  }

  async #run(text: string, [first, ...rest]: readonly unknown[]): Promise<unknown> {
    this.#refuseEnding(text);
    let result: unknown;
    try {
      result = await this.#send(first as string | object, rest);
    } catch (error) {
      noteLoss(this.client, error);
      this.firstError ??= error;
      throw error;
    }
    this.#refuseOver();
    return result;
  }

  #send(query: string | object, rest: readonly unknown[]): unknown {
    const made = queryObject(this.client, query, rest[0]);
    if (made === undefined) return this.#call([oneStatement(query), ...rest]);
    guard(made.query, () => this.#objection());
    this.#call([made.query]);
    return made.result;
  }

  #call(given: readonly unknown[]): unknown {
    const query = this.client.query as (...args: readonly unknown[]) => unknown;
    return query.apply(this.client, [...given]);
  }

  #refuseOver(): void {
    const objection = this.#objection();
    if (objection !== undefined) throw objection;
  }

  /** Whatever ended the transaction, a statement sent after it would commit on its own. */
  #objection(): RolledBackError | undefined {
    if (this.client.getTransactionStatus?.() !== "I") return undefined;
    return this.#spoil("The work inside once() ended its transaction.");
  }

  #refuseEnding(text: string): void {
    this.refuseEnded();
    this.#refuseOver();
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

/**
 * By the extended protocol the server takes one statement at a time, so that no COMMIT can hide behind another, and what
 * follows it commit on its own.
 */
const EXTENDED = { queryMode: "extended" } as const;

function oneStatement(query: string | object): object {
  if (typeof query === "string") return { text: query, ...EXTENDED };
  // Not a copy: what makes a query may be an instance of a class, with getters of its own.
  return Object.assign(Object.create(query), EXTENDED);
}

function textOf(query: unknown): string {
  if (typeof query === "string") return query;
  const { text } = (query ?? {}) as { text?: unknown };
  return typeof text === "string" ? text : "";
}
