import { QueryFailedError } from "typeorm";
import type {
  Closing,
  Database,
  Executor,
  Failure,
  ResultSet,
  Statement,
  TransactionPlan,
} from "../../../core/executor.js";
import { AdapterError, NotOurs, Unavailable } from "../../../core/failure.js";
import { patiently } from "../../../core/retry.js";
import { inOrder, runScript } from "../../../core/script.js";
import { inTurn } from "../../../core/turns.js";
import { sqliteFailure } from "../../../dialects/sqlite/failure.js";
import { bindable } from "./driver.js";
import type { Gate } from "./gate.js";
import { SqliteTransaction } from "./transaction.js";

const CANARY = "opledger_claim";

/** What an error of a SQLite driver, or of the work that uses it, means for an operation. */
function failureOf(error: unknown, table: string): Failure {
  if (error instanceof AdapterError) return error.failure;
  const told = error instanceof QueryFailedError ? error.driverError : error;
  if (!(told instanceof Error)) return { kind: "other" };
  const { code } = told as { code?: unknown };
  return sqliteFailure({ message: told.message, code: typeof code === "string" ? code : undefined }, table);
}

/** The one connection of a data source: every transaction is the ledger's own, and has it to itself. */
export class SqliteDatabase implements Database<SqliteTransaction> {
  readonly joined = false;
  readonly #gate: Gate;
  readonly #table: string;
  readonly #acquireMs: number;

  /** @param acquireMs how long the connection is waited for, in milliseconds */
  constructor(gate: Gate, table: string, acquireMs: number) {
    this.#gate = gate;
    this.#table = table;
    this.#acquireMs = acquireMs;
  }

  failure(error: unknown): Failure {
    return failureOf(error, this.#table);
  }

  run(statement: Statement, timeoutMs: number): Promise<ResultSet> {
    return this.#patiently(statement.waitMs ?? timeoutMs, async () => {
      const leave = await this.#gate.enter(this.#acquireMs);
      try {
        const result = send(this.#gate, statement);
        await this.#gate.saved();
        return result;
      } finally {
        leave();
      }
    });
  }

  async transaction<T>(plan: TransactionPlan<SqliteTransaction, T>): Promise<T> {
    const leave = await this.#patiently(plan.waitMs, () => this.#begin());
    try {
      send(this.#gate, plain(`SAVEPOINT ${CANARY}`));
      const value = await through(this.#gate, plan, `RELEASE SAVEPOINT ${CANARY}`);
      // Without a write-ahead log, readers of other processes hold it up, and it can be tried again.
      await this.#patiently(plan.waitMs, async () => send(this.#gate, plain("COMMIT")));
      await this.#gate.saved();
      return value;
    } catch (error) {
      // Where an error has ended the transaction already, there is nothing to roll back.
      attempt(this.#gate, "ROLLBACK");
      throw error;
    } finally {
      leave();
    }
  }

  /**
   * At once a writer: one that has read cannot become one where another process has written since.
   *
   * @returns what lets others in again
   */
  async #begin(): Promise<() => void> {
    const leave = await this.#gate.enter(this.#acquireMs);
    try {
      send(this.#gate, plain("BEGIN IMMEDIATE"));
      return leave;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** While another process writes. In between, the connection is free for others of this one. */
  #patiently<T>(waitMs: number, body: () => Promise<T>): Promise<T> {
    return patiently(waitMs, (error) => this.failure(error).kind === "locked", body);
  }
}

/** A transaction that somebody else opened: each call is a savepoint in it, so that a failed one leaves it usable. */
export class JoinedSqliteDatabase implements Database<SqliteTransaction> {
  readonly joined = true;
  readonly #gate: Gate;
  readonly #table: string;
  /** Where the transaction is that of another operation: the handle that its work got. */
  readonly #handle: SqliteTransaction | undefined;

  constructor(gate: Gate, table: string, handle: SqliteTransaction | undefined) {
    this.#gate = gate;
    this.#table = table;
    this.#handle = handle;
  }

  failure(error: unknown): Failure {
    return failureOf(error, this.#table);
  }

  run(statement: Statement, timeoutMs: number): Promise<ResultSet> {
    return this.#inSavepoint(timeoutMs, statement.waitMs ?? timeoutMs, async (release) => {
      const result = send(this.#gate, statement);
      send(this.#gate, plain(release));
      return result;
    });
  }

  async transaction<T>(plan: TransactionPlan<SqliteTransaction, T>): Promise<T> {
    if (plan.isolationLevel !== undefined) {
      throw new TypeError(
        "`isolationLevel` belongs to the transaction that was joined; set it where you begin it",
      );
    }
    return this.#inSavepoint(plan.timeoutMs, plan.waitMs, async (release) => {
      const value = await through(this.#gate, plan, undefined);
      send(this.#gate, plain(release));
      return value;
    });
  }

  /** Where another process writes, the first write here finds that out: before any work has been done. */
  #inSavepoint<T>(timeoutMs: number, waitMs: number, body: (release: string) => Promise<T>): Promise<T> {
    const isLocked = (error: unknown): boolean => this.failure(error).kind === "locked";
    return patiently(waitMs, isLocked, () => this.#inTurn(timeoutMs, body));
  }

  #inTurn<T>(timeoutMs: number, body: (release: string) => Promise<T>): Promise<T> {
    const late = (): Error =>
      new Unavailable(`the transaction was busy with another operation for ${timeoutMs} ms`);
    return inTurn(this.#gate, timeoutMs, late, async (depth) => {
      this.#handle?.refuseEnded();
      const name = `opledger_join_${depth}`;
      send(this.#gate, plain(`SAVEPOINT ${name}`));
      try {
        return await body(`RELEASE SAVEPOINT ${name}`);
      } catch (error) {
        // Where the transaction is beyond saving, the error that led here says more.
        attempt(this.#gate, `ROLLBACK TO SAVEPOINT ${name}`);
        attempt(this.#gate, `RELEASE SAVEPOINT ${name}`);
        throw error;
      }
    });
  }
}

/**
 * Opens, does the work, and closes.
 *
 * @param proof fails where the transaction is not the one that was opened
 */
async function through<T>(
  gate: Gate,
  { opening, script, body }: TransactionPlan<SqliteTransaction, T>,
  proof: string | undefined,
): Promise<T> {
  const executor: Executor = { run: async (statement) => send(gate, statement) };
  const opened: ResultSet[] = [];
  if (script !== undefined) opened.push(...inOrder(await runScript(executor, script)));
  else for (const statement of opening) opened.push(await executor.run(statement));
  const { closing, value } = await working(gate, opened, body, executor);
  if (proof !== undefined) await executor.run(plain(proof));
  for (const statement of closing) {
    const { affected } = await executor.run(statement);
    if (statement.affects !== undefined && affected !== statement.affects) throw new NotOurs(undefined);
  }
  return value;
}

async function working<T>(
  gate: Gate,
  opened: readonly ResultSet[],
  body: TransactionPlan<SqliteTransaction, T>["body"],
  executor: Executor,
): Promise<Closing<T>> {
  const tx = new SqliteTransaction(gate);
  try {
    const finish = await gate.working(tx, () => body(opened, tx, executor));
    if (tx.spoiled !== undefined) throw new NotOurs(tx.spoiled);
    return finish;
  } catch (error) {
    throw tx.spoiled === undefined || error instanceof NotOurs ? error : new NotOurs(tx.spoiled);
  } finally {
    tx.close();
  }
}

function plain(sql: string): Statement {
  return { sql, values: [] };
}

function send(gate: Gate, { sql, values, orElse }: Statement): ResultSet {
  try {
    return gate.run(sql, values.map(bindable));
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TypeError) throw error;
    if (orElse !== undefined && failureOf(error, "").kind === "duplicate") return send(gate, orElse);
    // Without its values: they may hold keys and other secrets.
    throw new QueryFailedError(sql, undefined, error);
  }
}

/** For what can fail only where there is nothing left to be done. */
function attempt(gate: Gate, sql: string): void {
  try {
    send(gate, plain(sql));
  } catch {}
}
