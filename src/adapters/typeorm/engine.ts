import { type DataSource, QueryFailedError, type QueryRunner } from "typeorm";
import type { Dialect } from "../../core/dialect.js";
import { OpledgerError } from "../../core/errors.js";
import type { Database } from "../../core/executor.js";

/** What the ledger over one data source is told. */
export interface EngineOptions {
  readonly dataSource: DataSource;
  readonly schema: string | undefined;
  readonly table: string;
  readonly prepare: boolean;
  /** Milliseconds to wait for a connection, or for another operation on the same one. */
  readonly acquireMs: number;
}

/**
 * The driver under TypeORM. opledger speaks to it through the driver's own adapter, so that what is proven of that one
 * holds here: round trips, prepared statements, and that a transaction is still ours when it commits.
 */
export interface Engine<Tx> {
  readonly dialect: Dialect;
  /** Over the data source's own connections. */
  pool(): Database<Tx>;
  /** Over the one connection of a query runner that has no transaction open. */
  alone(runner: QueryRunner): Database<Tx>;
  /** Inside the transaction that is open on a query runner's connection. */
  within(runner: QueryRunner): Database<Tx>;
  /** Whether a transaction is open that the query runner did not open itself. */
  isOpen(runner: QueryRunner): Promise<boolean>;
  /** A query runner whose statements all go through the transaction's handle. */
  runner(tx: Tx, outer: QueryRunner | undefined): QueryRunner;
  /** Whether an error is the database's own, in the driver's form. */
  isDriverError(error: Error): boolean;
}

/** What of a query runner TypeORM keeps to itself. */
interface RunnerInternals {
  databaseConnection: object;
  isTransactionActive: boolean;
  transactionDepth: number;
  data: QueryRunner["data"];
}

/**
 * A query runner over a given connection, inside a transaction that it did not open: nested ones are savepoints in it.
 *
 * @param outer the query runner whose transaction it is, whose savepoints' names must not be used again
 */
export function runnerOver(
  dataSource: DataSource,
  connection: object,
  outer: QueryRunner | undefined,
): QueryRunner {
  const runner = dataSource.createQueryRunner("master");
  const { transactionDepth = 1 } = (outer ?? {}) as Partial<RunnerInternals>;
  const inside: RunnerInternals = {
    databaseConnection: connection,
    isTransactionActive: true,
    transactionDepth: Math.max(transactionDepth, 1),
    data: outer?.data ?? {},
  };
  const query = runner.query.bind(runner) as (...given: unknown[]) => Promise<unknown>;
  const plainly = (...given: unknown[]): Promise<unknown> => query(...given).catch(unwrap);
  return Object.assign(runner, inside, { query: plainly });
}

/** TypeORM takes whatever a connection throws for an error of the database; a refusal of the handle's is none. */
function unwrap(error: unknown): never {
  if (!(error instanceof QueryFailedError)) throw error;
  const { driverError } = error;
  throw driverError instanceof TypeError || driverError instanceof OpledgerError ? driverError : error;
}

/** @throws {TypeError} the query runner has never been connected */
export function connectionOf(runner: QueryRunner): object {
  const { databaseConnection } = runner as unknown as Partial<RunnerInternals>;
  if (databaseConnection !== undefined) return databaseConnection;
  throw new TypeError("the manager's query runner has no connection yet; begin its transaction first");
}
