import type {
  Closing,
  Database,
  Executor,
  Failure,
  ResultSet,
  Statement,
  TransactionPlan,
} from "../../core/executor.js";
import {
  CommitLost,
  LedgerDuplicate,
  NotOurs,
  ResponseTimeout,
  TransactionOver,
  Unavailable,
} from "../../core/failure.js";
import { patiently } from "../../core/retry.js";
import { inOrder, runScript } from "../../core/script.js";
import { inTurn } from "../../core/turns.js";
import { ask, within } from "./ask.js";
import {
  isJoined,
  PRISMA_ISOLATION_LEVELS,
  type PrismaClientLike,
  type PrismaTransactionOptions,
  transactionOf,
} from "./client.js";
import type { Engine } from "./engine.js";
import {
  busyFor,
  driverCause,
  isConnectionLoss,
  isUnreachable,
  PerhapsNeverSent,
  prismaFailure,
} from "./failure.js";
import { Guard, guardOf } from "./guard.js";
import { waitsForEver } from "./internals.js";

const plain = (sql: string): Statement => ({ sql, values: [] });
const NOTHING: ResultSet = { rows: [], affected: 0 };
const CANARY = "opledger_claim";

/** A Prisma client; inside a transaction of the caller's, every call is a savepoint in it. */
export class PrismaDatabase implements Database<PrismaClientLike> {
  readonly joined: boolean;
  readonly #client: PrismaClientLike;
  /** Where the transaction is that of another operation: what guards the client that its work got. */
  readonly #guard: Guard | undefined;
  readonly #engine: Engine;
  readonly #options: PrismaTransactionOptions;

  constructor(client: PrismaClientLike, engine: Engine, options: PrismaTransactionOptions = {}) {
    const handle = guardOf(client);
    this.#client = handle?.client ?? client;
    this.#guard = handle?.guard;
    this.#engine = engine;
    this.#options = options;
    this.joined = isJoined(this.#client);
  }

  failure(error: unknown): Failure {
    if (error instanceof Error && outdated.has(error)) return { kind: "schema" };
    return prismaFailure(error, (cause) => this.#engine.failure(cause));
  }

  async ready(timeoutMs: number): Promise<void> {
    const { version } = this.#engine;
    if (version === undefined || version.known()) return;
    try {
      const { rows } = await this.#send(this.#client, plain(version.sql), timeoutMs);
      version.read(String(rows[0]?.version));
    } catch (error) {
      throw new Unavailable("the server did not say what it is", { cause: error });
    }
  }

  async run(statement: Statement, timeoutMs: number): Promise<ResultSet> {
    if (this.#engine.version?.known() === false) await this.ready(timeoutMs);
    const { waitMs } = statement;
    const asked = waitMs === undefined ? statement : this.#engine.bounded(statement, waitMs);
    if (this.joined) return this.#inSavepoint(timeoutMs, () => this.#send(this.#client, asked, timeoutMs));
    if (!this.#engine.refusesToWait) return this.#alone(asked, timeoutMs);
    return this.#patiently(waitMs ?? timeoutMs, () => this.#alone(asked, timeoutMs));
  }

  /** In a transaction where the bound on its lock waits is the session's, which must be the same one. */
  async #alone(statement: Statement, timeoutMs: number): Promise<ResultSet> {
    const { waitMs } = statement;
    try {
      if (waitMs === undefined || this.#engine.lockWaits(waitMs) === undefined)
        return await this.#send(this.#client, statement, timeoutMs);
      return await this.#client.$transaction(
        (tx) => this.#limited(tx, waitMs, timeoutMs, () => this.#send(tx, statement, timeoutMs)),
        this.#options,
      );
    } catch (error) {
      if (error instanceof ResponseTimeout && waitsForEver(this.#client)) throw new PerhapsNeverSent(error);
      throw alone(error);
    }
  }

  /** Bounds what `body` waits for locks; nothing of the caller's own may run in it. The session's own bound is as before afterwards. */
  async #limited<T>(
    client: PrismaClientLike,
    waitMs: number,
    timeoutMs: number,
    body: () => Promise<T>,
  ): Promise<T> {
    const bounds = this.#engine.lockWaits(waitMs);
    if (bounds === undefined) return body();
    await this.#send(client, bounds.limit, timeoutMs);
    try {
      return await body();
    } finally {
      // Where it cannot be said, the transaction is over or its connection lost.
      await this.#send(client, bounds.restore, timeoutMs).catch(() => {});
    }
  }

  async transaction<T>(plan: TransactionPlan<PrismaClientLike, T>): Promise<T> {
    await this.ready(plan.timeoutMs);
    if (!this.joined) return this.#patiently(plan.waitMs, () => this.#own(plan));
    if (plan.isolationLevel !== undefined) {
      throw new TypeError(
        "`isolationLevel` belongs to the transaction that was joined; set it where you begin it",
      );
    }
    return this.#inSavepoint(plan.timeoutMs, () => this.#through(this.#client, plan, undefined));
  }

  /** A transaction of our own; what a script only reads comes before it, and opens no snapshot in it. */
  async #own<T>(plan: TransactionPlan<PrismaClientLike, T>): Promise<T> {
    const { script, isolationLevel, timeoutMs } = plan;
    let prior: ResultSet | undefined;
    if (script !== undefined) {
      prior = await this.run(script.prior, timeoutMs);
      if (prior.rows.length > 0) return this.#known(prior, plan);
    }
    let phase: "beginning" | "working" | "committing" = "beginning";
    const options = {
      ...this.#options,
      ...(isolationLevel !== undefined && { isolationLevel: PRISMA_ISOLATION_LEVELS[isolationLevel] }),
    };
    try {
      return await this.#client.$transaction(async (tx) => {
        phase = "working";
        const value = await this.#through(tx, plan, prior);
        phase = "committing";
        return value;
      }, options);
    } catch (error) {
      if (isReached("beginning", phase))
        throw alone(error) instanceof CommitLost ? unavailable(error) : alone(error);
      if (isReached("committing", phase) && isConnectionLoss(error)) throw new CommitLost(error);
      throw error;
    }
  }

  /** Tries again while another connection writes, where the engine itself does not wait for that. */
  #patiently<T>(waitMs: number, body: () => Promise<T>): Promise<T> {
    const refuses = this.#engine.refusesToWait === true;
    return patiently(waitMs, (error) => refuses && this.failure(error).kind === "locked", body);
  }

  async #known<T>(prior: ResultSet, plan: TransactionPlan<PrismaClientLike, T>): Promise<T> {
    const executor = { run: (statement: Statement) => this.run(statement, plan.timeoutMs) };
    const results = inOrder({ prior, look: NOTHING, effect: NOTHING, row: NOTHING });
    const { closing, value } = await plan.body(results, this.#client, executor);
    if (closing.length > 0) throw new Error("a known operation is not to be written again");
    return value;
  }

  async #through<T>(
    client: PrismaClientLike,
    plan: TransactionPlan<PrismaClientLike, T>,
    prior: ResultSet | undefined,
  ): Promise<T> {
    const { script, waitMs, timeoutMs } = plan;
    // A script runs nothing but the ledger's own statements.
    if (script !== undefined)
      return this.#limited(client, waitMs, timeoutMs, () => this.#steps(client, plan, prior));
    return this.#steps(client, plan, prior);
  }

  async #steps<T>(
    client: PrismaClientLike,
    plan: TransactionPlan<PrismaClientLike, T>,
    prior: ResultSet | undefined,
  ): Promise<T> {
    const { opening, script, waitMs, timeoutMs } = plan;
    const send = (statement: Statement): Promise<ResultSet> =>
      this.#send(client, this.#engine.bounded(statement, waitMs), timeoutMs);
    const limited = <R>(body: () => Promise<R>): Promise<R> =>
      script === undefined ? this.#limited(client, waitMs, timeoutMs, body) : body();
    if (this.#engine.begin !== undefined) await send(this.#engine.begin);
    // Nor can those end the transaction.
    const marked = this.#engine.canary && script === undefined && !this.joined;
    if (marked) await this.#send(client, plain(`SAVEPOINT ${CANARY}`), timeoutMs);
    const opened: ResultSet[] = [];
    if (script !== undefined) opened.push(...inOrder(await runScript({ run: send }, script, prior)));
    else
      await limited(async () => {
        for (const statement of opening) opened.push(await send(statement));
      });
    const executor: Executor = { run: (statement) => limited(() => send(statement)) };
    const { closing, value } = await this.#work(client, plan, opened, executor);
    if (closing.length === 0) return value;
    const release = marked ? [plain(`RELEASE SAVEPOINT ${CANARY}`)] : [];
    await this.#close({ run: send }, client, [...release, ...closing], timeoutMs, firstErrors.get(executor));
    return value;
  }

  async #work<T>(
    client: PrismaClientLike,
    plan: TransactionPlan<PrismaClientLike, T>,
    opened: readonly ResultSet[],
    executor: Executor,
  ): Promise<Closing<T>> {
    const guard = new Guard(client, this.#engine, plan.timeoutMs);
    try {
      const finish = await plan.body(opened, guard.client, executor);
      await guard.settle();
      if (guard.spoiled !== undefined) throw guard.spoiled;
      return finish;
    } catch (error) {
      await guard.settle();
      throw guard.spoiled === undefined || guard.letThrough(error) ? error : new NotOurs(guard.spoiled);
    } finally {
      guard.close();
      firstErrors.set(executor, guard.firstError);
      if (guard.spoiled !== undefined) this.#guard?.observe(guard.firstError);
    }
  }

  async #close(
    executor: Executor,
    client: PrismaClientLike,
    closing: readonly Statement[],
    timeoutMs: number,
    firstError: unknown,
  ): Promise<void> {
    for (const statement of closing) {
      try {
        const savepoint = statement.sql.startsWith("RELEASE");
        const { affected } = savepoint
          ? await this.#send(client, statement, timeoutMs)
          : await executor.run(statement);
        if (statement.affects !== undefined && affected !== statement.affects) throw new NotOurs(undefined);
      } catch (error) {
        throw this.#closingError(error, firstError);
      }
    }
  }

  #closingError(error: unknown, firstError: unknown): unknown {
    const cause = driverCause(error);
    // PostgreSQL: the transaction had been aborted, or was over, before the result could be stored.
    if (cause?.code === "25P02" || cause?.code === "25P01") return new NotOurs(firstError ?? error);
    return this.failure(error).kind === "ended" ? new TransactionOver(error) : error;
  }

  #inSavepoint<T>(timeoutMs: number, body: () => Promise<T>): Promise<T> {
    const client = this.#client;
    return inTurn(
      transactionOf(client),
      timeoutMs,
      () => busyFor(timeoutMs),
      async (depth) => {
        const name = `opledger_join_${depth}`;
        const send = (sql: string): Promise<ResultSet> => this.#send(client, plain(sql), timeoutMs);
        try {
          this.#guard?.refuseEnded();
          await this.#mark(name, send);
          const value = await body();
          await send(`RELEASE SAVEPOINT ${name}`);
          return value;
        } catch (error) {
          this.#guard?.observe(error);
          // Where the transaction is beyond saving, the error that led here says more.
          await send(`ROLLBACK TO SAVEPOINT ${name}`).catch(() => {});
          await send(`RELEASE SAVEPOINT ${name}`).catch(() => {});
          throw error;
        }
      },
    );
  }

  /** @throws {TypeError} the transaction that was to be joined is over */
  async #mark(name: string, send: (sql: string) => Promise<ResultSet>): Promise<void> {
    try {
      await send(`SAVEPOINT ${name}`);
      if (this.#engine.marksAnywhere) await send(`ROLLBACK TO SAVEPOINT ${name}`);
    } catch (error) {
      const code = driverCause(error)?.code;
      if (code !== "25P01" && code !== "1305") throw error;
      throw new TypeError(
        "the transaction that was to be joined is over; call this on the client of an open `$transaction`",
      );
    }
  }

  async #send(client: PrismaClientLike, statement: Statement, timeoutMs: number): Promise<ResultSet> {
    const { sql, values, orElse } = statement;
    try {
      return await within(timeoutMs, ask(client, sql, values));
    } catch (error) {
      const cause = driverCause(error);
      if (cause?.kind === "UniqueConstraintViolation") {
        if (orElse !== undefined) return this.#send(client, orElse, timeoutMs);
        // Only the ledger's own rows have a count that they must come to.
        if (statement.affects !== undefined) throw new LedgerDuplicate(error);
      }
      // MySQL, and not MariaDB, takes no savepoint as a prepared statement.
      if (cause?.code === "1295") {
        throw new TypeError(
          "on MySQL opledger needs the text protocol for its savepoints: `new PrismaMariaDb(config, { useTextProtocol: true })`",
        );
      }
      if (this.#engine.probe !== undefined && cause?.kind === "ColumnNotFound") {
        await ask(client, this.#engine.probe.sql, []).catch(() => outdated.add(error as Error));
      }
      throw error;
    }
  }
}

const outdated = new WeakSet<Error>();
const firstErrors = new WeakMap<Executor, unknown>();

/** Where control flow analysis does not see an assignment inside a callback. */
function isReached(phase: string, actual: string): boolean {
  return phase === actual;
}

/** What an error means that met a statement, or the begin of a transaction, of its own. */
function alone(error: unknown): unknown {
  if (isUnreachable(error)) return unavailable(error);
  return isConnectionLoss(error) ? new CommitLost(error) : error;
}

function unavailable(error: unknown): Unavailable {
  return new Unavailable("no connection", { cause: error });
}
