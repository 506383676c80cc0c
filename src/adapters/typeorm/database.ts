import { type EntityManager, QueryFailedError, type QueryRunner } from "typeorm";
import type {
  Closing,
  Database,
  Failure,
  ResultSet,
  Statement,
  TransactionPlan,
} from "../../core/executor.js";
import { causes } from "../../core/failure.js";
import type { Engine } from "./engine.js";

/**
 * A driver's database in TypeORM's terms: the work gets an `EntityManager`, subscribers hear of the transaction, and the
 * database's errors are `QueryFailedError`s.
 */
export class TypeormDatabase<Tx> implements Database<EntityManager> {
  readonly #engine: Engine<Tx>;
  readonly #inner: () => Database<Tx>;
  /** The query runner whose transaction is joined. */
  readonly #outer: QueryRunner | undefined;

  constructor(engine: Engine<Tx>, inner: () => Database<Tx>, outer?: QueryRunner) {
    this.#engine = engine;
    this.#inner = inner;
    this.#outer = outer;
  }

  get joined(): boolean {
    return this.#outer !== undefined;
  }

  async ready(timeoutMs: number): Promise<void> {
    await this.#inner().ready?.(timeoutMs);
  }

  failure(error: unknown): Failure {
    return this.#inner().failure(driverErrorOf(error));
  }

  async run(statement: Statement, timeoutMs: number): Promise<ResultSet> {
    try {
      return await this.#inner().run(statement, timeoutMs);
    } catch (error) {
      throw this.#wrapped(error, statement.sql);
    }
  }

  async transaction<T>(plan: TransactionPlan<EntityManager, T>): Promise<T> {
    let runner: QueryRunner | undefined;
    // Only a transaction of its own with work in it is one that subscribers would have heard of.
    const heard = !this.joined && plan.opening.length > 0;
    const body: TransactionPlan<Tx, T>["body"] = async (opened, tx, executor) => {
      runner = this.#engine.runner(tx, this.#outer);
      if (heard) await tell(runner, "AfterTransactionStart");
      const closing = await this.#body(plan, opened, runner, executor);
      if (heard) await tell(runner, "BeforeTransactionCommit");
      return closing;
    };
    let value: T;
    try {
      value = await this.#inner().transaction<T>({ ...plan, body });
    } catch (error) {
      const rolledBack = this.failure(error).kind !== "unknown";
      if (heard && runner !== undefined && rolledBack) await tell(runner, "AfterTransactionRollback");
      throw this.#wrapped(error, "opledger: the operation's transaction");
    }
    if (heard && runner !== undefined) await tell(runner, "AfterTransactionCommit");
    return value;
  }

  async #body<T>(
    plan: TransactionPlan<EntityManager, T>,
    opened: readonly ResultSet[],
    runner: QueryRunner,
    executor: Parameters<TransactionPlan<Tx, T>["body"]>[2],
  ): Promise<Closing<T>> {
    try {
      return await plan.body(opened, runner.manager, executor);
    } catch (error) {
      tieCauses(error);
      throw error;
    }
  }

  /** An error of the database as TypeORM throws it. Its parameters are left out: they may hold keys and other secrets. */
  #wrapped(error: unknown, sql: string): unknown {
    if (!(error instanceof Error) || error instanceof QueryFailedError) return error;
    if (!this.#engine.isDriverError(error)) return error;
    const failed = new QueryFailedError(sql, undefined, error);
    tieCauses(failed);
    return failed;
  }
}

type TransactionEvent =
  | "AfterTransactionStart"
  | "BeforeTransactionCommit"
  | "AfterTransactionCommit"
  | "AfterTransactionRollback";

async function tell(runner: QueryRunner, event: TransactionEvent): Promise<void> {
  if (runner.manager.dataSource.subscribers.length > 0) await runner.broadcaster.broadcast(event);
}

/** The driver's own error inside TypeORM's. */
function driverErrorOf(error: unknown): unknown {
  return error instanceof QueryFailedError ? error.driverError : error;
}

/** TypeORM's errors do not name what caused them, and a deadlock is as retryable in a wrapping. */
function tieCauses(error: unknown): void {
  for (const cause of causes(error)) {
    if (cause instanceof QueryFailedError && cause.cause === undefined) {
      Object.defineProperty(cause, "cause", { value: cause.driverError, configurable: true });
    }
  }
}
