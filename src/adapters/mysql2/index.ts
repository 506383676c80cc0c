import type { LedgerContext } from "../../core/context.js";
import type { Database } from "../../core/executor.js";
import { Ledger } from "../../core/ledger.js";
import { type CommonOptions, checkedOptions, DEFAULT_TABLE } from "../../core/options.js";
import { type EngineName, mysqlDialect } from "../../dialects/mysql/index.js";
import type { MysqlConnectionLike, MysqlPoolLike } from "./client.js";
import { MysqlDatabase } from "./executor.js";
import type { MysqlTransaction } from "./transaction.js";

export interface LedgerOptions extends CommonOptions {
  /** The database that holds the ledger; the connection's own unless given. */
  readonly schema?: string | undefined;
  /** What the server is; taken from its version unless given. */
  readonly engine?: EngineName | undefined;
  /** Whether the ledger's statements are prepared; true unless given. */
  readonly prepare?: boolean | undefined;
}

/** A ledger over a `mysql2` pool or connection. */
export class MysqlLedger extends Ledger<MysqlTransaction> {
  readonly #context: LedgerContext<MysqlTransaction>;
  readonly #database: MysqlDatabase;

  /** @internal See {@link createLedger}. */
  constructor(context: LedgerContext<MysqlTransaction>, database: MysqlDatabase) {
    super(context);
    this.#context = context;
    this.#database = database;
  }

  /**
   * The same ledger inside an open transaction: one that the caller began on a connection, or that of another operation's
   * work. Every call is a savepoint there, so that one that fails leaves the transaction usable; nothing is kept unless
   * the transaction commits. A deadlock rolls back the whole of it.
   */
  within(joined: MysqlConnectionLike | MysqlTransaction): Ledger<MysqlTransaction> {
    const database: Database<MysqlTransaction> = this.#database.within(joined);
    return new Ledger({ ...this.#context, database });
  }
}

/**
 * The operation ledger over `mysql2`, for MySQL and MariaDB.
 *
 * @param source a Pool, or a single Connection that nothing else begins transactions on; of `mysql2` or `mysql2/promise`
 * @throws {TypeError} an option is out of its range
 * @example
 * const ledger = createLedger(mysql.createPool(url));
 * const { status, value } = await ledger.once({ operation: "create_invoice", key }, async (tx) => {
 *   await tx.execute("INSERT INTO invoices (number) VALUES (?)", [7]);
 *   return { number: 7 };
 * });
 */
export function createLedger(
  source: MysqlPoolLike | MysqlConnectionLike,
  options: LedgerOptions = {},
): MysqlLedger {
  const { schema, table = DEFAULT_TABLE, engine, prepare = true } = options;
  const { settings, acquireMs } = checkedOptions<MysqlTransaction>(options);
  const database = new MysqlDatabase(source, { schema, table, engine, prepare, acquireMs });
  const dialect = mysqlDialect({ schema, table, traits: () => database.traits });
  return new MysqlLedger({ ...settings, database, dialect }, database);
}

export type { EngineName } from "../../dialects/mysql/index.js";
export type { MysqlConnectionLike, MysqlHeader, MysqlPoolLike, QueryOptions } from "./client.js";
export type { MysqlTransaction } from "./transaction.js";
