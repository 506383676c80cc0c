import { QueryFailedError } from "typeorm";
import type {
  Closing,
  Database,
  Executor,
  Failure,
  ResultSet,
  Row,
  Statement,
  TransactionPlan,
} from "../../../core/executor.js";
import { AdapterError, NotOurs, Unavailable } from "../../../core/failure.js";
import { inOrder, runScript } from "../../../core/script.js";
import { inTurn } from "../../../core/turns.js";
import { sqliteFailure } from "../../../dialects/sqlite/failure.js";
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

  constructor(gate: Gate, table: string) {
    this.#gate = gate;
    this.#table = table;
  }

  failure(error: unknown): Failure {
    return failureOf(error, this.#table);
  }

  run(statement: Statement): Promise<ResultSet> {
    return this.#gate.alone(async () => {
      const result = await send(this.#gate, statement);
      await this.#gate.saved();
      return result;
    });
  }

  transaction<T>(plan: TransactionPlan<SqliteTransaction, T>): Promise<T> {
    return this.#gate.alone(async () => {
      // At once a writer: one that has read cannot become one where another process has written since.
      await send(this.#gate, plain("BEGIN IMMEDIATE"));
      try {
        await send(this.#gate, plain(`SAVEPOINT ${CANARY}`));
        const value = await through(this.#gate, plan, `RELEASE SAVEPOINT ${CANARY}`);
        await send(this.#gate, plain("COMMIT"));
        await this.#gate.saved();
        return value;
      } catch (error) {
        // Where an error has ended the transaction already, there is nothing to roll back.
        await send(this.#gate, plain("ROLLBACK")).catch(() => {});
        throw error;
      }
    });
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
    return this.#inSavepoint(timeoutMs, async (release) => {
      const result = await send(this.#gate, statement);
      await send(this.#gate, plain(release));
      return result;
    });
  }

  async transaction<T>(plan: TransactionPlan<SqliteTransaction, T>): Promise<T> {
    if (plan.isolationLevel !== undefined) {
      throw new TypeError(
        "`isolationLevel` belongs to the transaction that was joined; set it where you begin it",
      );
    }
    return this.#inSavepoint(plan.timeoutMs, async (release) => {
      const value = await through(this.#gate, plan, undefined);
      await send(this.#gate, plain(release));
      return value;
    });
  }

  #inSavepoint<T>(timeoutMs: number, body: (release: string) => Promise<T>): Promise<T> {
    const late = (): Error =>
      new Unavailable(`the transaction was busy with another operation for ${timeoutMs} ms`);
    return inTurn(this.#gate, timeoutMs, late, async (depth) => {
      this.#handle?.refuseEnded();
      const name = `opledger_join_${depth}`;
      await send(this.#gate, plain(`SAVEPOINT ${name}`));
      try {
        return await body(`RELEASE SAVEPOINT ${name}`);
      } catch (error) {
        // Where the transaction is beyond saving, the error that led here says more.
        await send(this.#gate, plain(`ROLLBACK TO SAVEPOINT ${name}`)).catch(() => {});
        await send(this.#gate, plain(`RELEASE SAVEPOINT ${name}`)).catch(() => {});
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
  const executor: Executor = { run: (statement) => send(gate, statement) };
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

interface Answer {
  readonly records?: readonly Row[];
  readonly affected?: number;
}

async function send(gate: Gate, { sql, values, orElse }: Statement): Promise<ResultSet> {
  let answer: Answer;
  try {
    answer = (await gate.query(sql, values.map(bindable), true)) as Answer;
  } catch (error) {
    if (orElse !== undefined && failureOf(error, "").kind === "duplicate") return send(gate, orElse);
    throw error;
  }
  const { records: rows = [], affected = 0 } = answer;
  return returnsRows(sql) ? { rows, affected: rows.length } : { rows: [], affected };
}

/** Some drivers count what the statement before changed, where one only reads. */
function returnsRows(sql: string): boolean {
  return /^\s*(?:SELECT|WITH|PRAGMA)\b|\bRETURNING\b/.test(
    sql.replace(/'(?:[^']|'')*'|`(?:[^`]|``)*`/g, " "),
  );
}

/** What drivers of SQLite take; a Date as TypeORM stores it. */
function bindable(value: unknown): unknown {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value instanceof Date) return value.toISOString().replace("T", " ").replace("Z", "");
  if (typeof value === "bigint") return value.toString();
  return value;
}
