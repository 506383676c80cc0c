import type { QueryRunner } from "typeorm";
import type { Dialect } from "../../../core/dialect.js";
import type { Database } from "../../../core/executor.js";
import { sqliteDialect } from "../../../dialects/sqlite/index.js";
import type { Engine, EngineOptions } from "../engine.js";
import { JoinedSqliteDatabase, SqliteDatabase } from "./database.js";
import { Gate } from "./gate.js";
import type { SqliteTransaction } from "./transaction.js";

const handles = new WeakMap<QueryRunner, SqliteTransaction>();

/** TypeORM's `sqljs` and `better-sqlite3` drivers: one connection, and one query runner for everybody. */
export class SqliteEngine implements Engine<SqliteTransaction> {
  readonly dialect: Dialect;
  readonly #options: EngineOptions;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { schema, table } = options;
    this.dialect = sqliteDialect({ schema, table });
  }

  get #gate(): Gate {
    const { dataSource, acquireMs } = this.#options;
    return Gate.of(dataSource, acquireMs);
  }

  pool(): SqliteDatabase {
    const { table, acquireMs } = this.#options;
    return new SqliteDatabase(this.#gate, table, acquireMs);
  }

  alone(): SqliteDatabase {
    return this.pool();
  }

  within(runner: QueryRunner): Database<SqliteTransaction> {
    return new JoinedSqliteDatabase(this.#gate, this.#options.table, handles.get(runner));
  }

  /** `better-sqlite3` knows; with `sqljs` a BEGIN by hand is not seen, and beginning another fails. */
  async isOpen(runner: QueryRunner): Promise<boolean> {
    const connection: { readonly inTransaction?: boolean } | undefined = await runner.connect();
    return connection?.inTransaction === true;
  }

  /** The shared query runner with statements, and a transaction, of its own. */
  runner(tx: SqliteTransaction, outer: QueryRunner | undefined): QueryRunner {
    const { dataSource } = this.#options;
    const { transactionDepth } = (outer ?? {}) as { readonly transactionDepth?: number };
    const shared = dataSource.createQueryRunner();
    const runner: QueryRunner = Object.create(shared);
    // Those of its class: on the shared one they wait for the gate.
    const { startTransaction, commitTransaction, rollbackTransaction }: QueryRunner =
      Object.getPrototypeOf(shared);
    Object.assign(runner, {
      query: tx.query.bind(tx),
      release: async () => {},
      ...{ startTransaction, commitTransaction, rollbackTransaction },
      isTransactionActive: true,
      transactionDepth: Math.max(transactionDepth ?? 1, 1),
      data: outer?.data ?? {},
    });
    Object.assign(runner, { manager: dataSource.createEntityManager(runner) });
    handles.set(runner, tx);
    return runner;
  }

  /** TypeORM's query runner, which statements are sent through, has wrapped them already. */
  isDriverError(): boolean {
    return false;
  }
}
