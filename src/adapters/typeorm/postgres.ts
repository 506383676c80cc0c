import type { QueryRunner } from "typeorm";
import type { Dialect } from "../../core/dialect.js";
import type { Database } from "../../core/executor.js";
import { postgresDialect } from "../../dialects/postgres/index.js";
import type { PgClientLike, PgPoolLike } from "../pg/client.js";
import { PgDatabase } from "../pg/executor.js";
import { sqlState } from "../pg/failure.js";
import type { PgTransaction } from "../pg/transaction.js";
import { connectionOf, type Engine, type EngineOptions, runnerOver } from "./engine.js";

/** TypeORM's `postgres` driver, which is `pg`. */
export class PostgresEngine implements Engine<PgTransaction> {
  readonly dialect: Dialect;
  readonly #options: EngineOptions;
  readonly #databases = new WeakMap<object, PgDatabase>();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.dialect = postgresDialect(this.#ledger);
  }

  get #ledger(): { readonly schema: string; readonly table: string } {
    const { dataSource, table } = this.#options;
    const { schema } = dataSource.options as { readonly schema?: string };
    return { schema: this.#options.schema ?? schema ?? "public", table };
  }

  pool(): PgDatabase {
    const { master } = this.#options.dataSource.driver as { readonly master?: PgPoolLike };
    if (master === undefined) throw new TypeError("the data source is not initialized");
    return this.#over(master);
  }

  alone(runner: QueryRunner): PgDatabase {
    return this.#over(connectionOf(runner) as PgClientLike);
  }

  within(runner: QueryRunner): Database<PgTransaction> {
    return this.pool().within(connectionOf(runner) as PgClientLike | PgTransaction);
  }

  async isOpen(runner: QueryRunner): Promise<boolean> {
    const client: PgClientLike = await runner.connect();
    const status = client.getTransactionStatus?.();
    return status === "T" || status === "E";
  }

  runner(tx: PgTransaction, outer: QueryRunner | undefined): QueryRunner {
    return runnerOver(this.#options.dataSource, tx, outer);
  }

  isDriverError(error: Error): boolean {
    return sqlState(error) !== undefined;
  }

  #over(source: PgPoolLike | PgClientLike): PgDatabase {
    const known = this.#databases.get(source);
    if (known !== undefined) return known;
    const { prepare, acquireMs } = this.#options;
    const made = new PgDatabase(source, {
      ledger: this.#ledger,
      prepare: prepare ? "auto" : false,
      acquireMs,
    });
    this.#databases.set(source, made);
    return made;
  }
}
