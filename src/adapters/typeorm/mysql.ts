import type { QueryRunner } from "typeorm";
import type { Dialect } from "../../core/dialect.js";
import type { Database } from "../../core/executor.js";
import { mysqlDialect } from "../../dialects/mysql/index.js";
import { inTransaction, type MysqlConnectionLike, type MysqlPoolLike } from "../mysql2/client.js";
import { MysqlDatabase } from "../mysql2/executor.js";
import { errnoOf } from "../mysql2/failure.js";
import type { MysqlTransaction } from "../mysql2/transaction.js";
import { connectionOf, type Engine, type EngineOptions, runnerOver } from "./engine.js";

/** What of TypeORM's driver holds the connections. */
interface MysqlDriver {
  readonly pool?: MysqlPoolLike;
  readonly poolCluster?: { of(pattern: string): MysqlPoolLike };
}

interface PromiseConnection {
  promise(): { query(sql: string): Promise<[unknown, unknown]> };
}

/** TypeORM's `mysql` and `mariadb` drivers, which are `mysql2`. */
export class MysqlEngine implements Engine<MysqlTransaction> {
  readonly dialect: Dialect;
  readonly #options: EngineOptions;
  readonly #databases = new WeakMap<object, MysqlDatabase>();
  #last: MysqlDatabase | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { schema, table } = options;
    this.dialect = mysqlDialect({ schema, table, traits: () => (this.#last ?? this.pool()).traits });
  }

  pool(): MysqlDatabase {
    const { pool, poolCluster } = this.#options.dataSource.driver as MysqlDriver;
    const source = pool ?? poolCluster;
    if (source === undefined) throw new TypeError("the data source is not initialized");
    this.#last = this.#over(source, () => pool ?? (poolCluster?.of("MASTER") as MysqlPoolLike));
    return this.#last;
  }

  alone(runner: QueryRunner): MysqlDatabase {
    const connection = connectionOf(runner);
    return this.#over(connection, () => connection as MysqlConnectionLike);
  }

  within(runner: QueryRunner): Database<MysqlTransaction> {
    const connection = connectionOf(runner);
    const joined = connection instanceof Guarded ? connection.tx : (connection as MysqlConnectionLike);
    return this.pool().within(joined);
  }

  /** The server says so with every answer that has no rows. */
  async isOpen(runner: QueryRunner): Promise<boolean> {
    const connection: PromiseConnection = await runner.connect();
    if (connection instanceof Guarded) return true;
    const [header] = await connection.promise().query("DO 0");
    return inTransaction(header) === true;
  }

  runner(tx: MysqlTransaction, outer: QueryRunner | undefined): QueryRunner {
    return runnerOver(this.#options.dataSource, new Guarded(tx), outer);
  }

  isDriverError(error: Error): boolean {
    return errnoOf(error) !== undefined;
  }

  #over(key: object, source: () => MysqlPoolLike | MysqlConnectionLike): MysqlDatabase {
    const known = this.#databases.get(key);
    if (known !== undefined) return known;
    const { schema, table, prepare, acquireMs } = this.#options;
    // Either of TypeORM's drivers speaks to either server, so only the server's own word counts.
    const made = new MysqlDatabase(source(), { schema, table, engine: undefined, prepare, acquireMs });
    this.#databases.set(key, made);
    return made;
  }
}

/** What a query runner asks of a connection, through the transaction's handle. */
class Guarded {
  constructor(readonly tx: MysqlTransaction) {}

  promise(): MysqlTransaction {
    return this.tx;
  }

  query(): never {
    throw new TypeError(
      "a stream cannot be had inside `once` on MySQL and MariaDB: query in pages, or before",
    );
  }

  /** The connection goes back when the operation has ended, not before. */
  release(): void {}
}
