/** The surface's types, made of the client's own: `select` and `omit` narrow results, and unknown fields are refused. */
import type { Args, Exact, Result } from "@prisma/client/runtime/client";
import type { Outcome, WriteOutcome } from "../../core/outcome.js";

/** What of a client inside a transaction is not there. */
type RootOnly = "$connect" | "$disconnect" | "$on" | "$use" | "$extends";

/** The client that work gets: the caller's own, with every extension's methods, inside the transaction. */
export type TransactionClient<Client> = Omit<Client, RootOnly>;

/** How each model's delegate tells what it is. */
interface DelegateLike {
  readonly [K: symbol]: { readonly types: unknown };
}

/** An operation bound to the models of a client. One operation is one write. */
export type BoundOperation<Client> = {
  readonly [Name in keyof Client as ModelKey<Client, Name>]: BoundModel<Client[Name]>;
};

type ModelKey<Client, Name extends keyof Client> = Name extends `$${string}`
  ? never
  : Client[Name] extends DelegateLike
    ? Name
    : never;

/** The number of rows written. */
export interface Count {
  readonly count: number;
}

/** What of each write Prisma's arguments decide: the type of the row that comes back. */
type Value<Delegate, A, Verb extends "create" | "upsert" | "update" | "delete"> = Result<Delegate, A, Verb>;

/** The writes of one model, with Prisma's own arguments and results, each once per operation. */
export interface BoundModel<Delegate> {
  /** Inserts a row. */
  create<A>(args: Exact<A, Args<Delegate, "create">>): Promise<WriteOutcome<Value<Delegate, A, "create">>>;
  /** Inserts rows, all or none. */
  createMany<A>(args: Exact<A, Args<Delegate, "createMany">>): Promise<Outcome<Count>>;
  /** Inserts a row, or updates the one that stands under `where`; `effect` tells which. */
  upsert<A>(args: Exact<A, Args<Delegate, "upsert">>): Promise<WriteOutcome<Value<Delegate, A, "upsert">>>;
  /**
   * Updates one row: a logged increment where `data` increments or decrements, a compare-and-set where `where` holds the version
   * field, a plain assignment otherwise.
   *
   * @throws {RowNotFoundError} no row matched `where`; not recorded
   * @throws {VersionConflictError} the row has another version; not recorded
   */
  update<A>(args: Exact<A, Args<Delegate, "update">>): Promise<WriteOutcome<Value<Delegate, A, "update">>>;
  /** Updates every row that matches; none is no error. */
  updateMany<A>(args: Exact<A, Args<Delegate, "updateMany">>): Promise<Outcome<Count>>;
  /** Deletes one row and returns it; where there was none, `effect` is `unchanged` and the value null. */
  delete<A>(
    args: Exact<A, Args<Delegate, "delete">>,
  ): Promise<WriteOutcome<Value<Delegate, A, "delete"> | null>>;
}
