import type { DataSource, EntityManager } from "typeorm";
import type { LedgerContext } from "../../core/context.js";
import { Ledger } from "../../core/ledger.js";
import { type CommonOptions, checkedOptions, DEFAULT_TABLE } from "../../core/options.js";
import { TypeormDatabase } from "./database.js";
import type { Engine, EngineOptions } from "./engine.js";
import { MysqlEngine } from "./mysql.js";
import { PostgresEngine } from "./postgres.js";
import { SqliteEngine } from "./sqlite/engine.js";

export interface TypeormLedgerOptions extends CommonOptions {
  /** The ledger's schema, or database on MySQL and MariaDB; the data source's own unless given. */
  readonly schema?: string | undefined;
  /** Whether the ledger's statements are prepared; true unless given. Where a pooler refuses them, that is noticed. */
  readonly prepare?: boolean | undefined;
}

/** A ledger over a TypeORM data source. */
export class TypeormLedger extends Ledger<EntityManager> {
  readonly #context: LedgerContext<EntityManager>;
  readonly #engine: Engine<unknown>;
  readonly dataSource: DataSource;

  /** @internal See {@link createLedger}. */
  constructor(context: LedgerContext<EntityManager>, engine: Engine<unknown>, dataSource: DataSource) {
    super(context);
    this.#context = context;
    this.#engine = engine;
    this.dataSource = dataSource;
  }

  /**
   * The same ledger inside the manager's open transaction. Every call is a savepoint there, so that one that fails leaves
   * the transaction usable; nothing is kept unless the transaction commits.
   *
   * @throws {TypeError} the manager has no transaction: it is the data source's own
   */
  inTransaction(manager: EntityManager): Ledger<EntityManager> {
    return new Ledger(this.joining(manager));
  }

  /** @internal The context for calls in a manager's transaction. */
  joining(manager: EntityManager): LedgerContext<EntityManager> {
    const { queryRunner } = manager;
    if (queryRunner === undefined) {
      throw new TypeError(
        "`inTransaction` takes the manager that `dataSource.transaction` gives, or another with a query runner",
      );
    }
    const database = new TypeormDatabase(this.#engine, () => this.#engine.within(queryRunner), queryRunner);
    return { ...this.#context, database };
  }

  /** @internal The context for calls of a manager: in its transaction where it has one open. */
  async contextOf(manager: EntityManager): Promise<LedgerContext<EntityManager>> {
    const { queryRunner } = manager;
    if (queryRunner === undefined) return this.#context;
    if (queryRunner.isTransactionActive) return this.joining(manager);
    if (await this.#engine.isOpen(queryRunner)) return this.joining(manager);
    const database = new TypeormDatabase(this.#engine, () => this.#engine.alone(queryRunner));
    return { ...this.#context, database };
  }
}

/**
 * The operation ledger over a TypeORM data source: `postgres`, `mysql`, `mariadb`, `sqljs` and `better-sqlite3`. It may be made before the data source is
 * initialized, and survives its being initialized anew.
 *
 * @throws {TypeError} an option is out of its range, or the data source's driver is not one of these
 * @example
 * const ledger = createLedger(dataSource);
 * await ledger.once({ operation: "create_invoice", key }, async (manager) => {
 *   const { id } = await manager.save(Invoice, { cents: 4200 });
 *   return { id };
 * });
 */
export function createLedger(dataSource: DataSource, options: TypeormLedgerOptions = {}): TypeormLedger {
  const { schema, table = DEFAULT_TABLE, prepare = true } = options;
  const { settings, acquireMs } = checkedOptions<EntityManager>(options);
  const engine = engineOf({ dataSource, schema, table, prepare, acquireMs });
  const database = new TypeormDatabase(engine, () => engine.pool());
  return new TypeormLedger({ ...settings, database, dialect: engine.dialect }, engine, dataSource);
}

function engineOf(options: EngineOptions): Engine<unknown> {
  const { type } = options.dataSource.options;
  switch (type) {
    case "postgres":
      return new PostgresEngine(options) as Engine<unknown>;
    case "mysql":
    case "mariadb":
      return new MysqlEngine(options) as Engine<unknown>;
    case "sqljs":
    case "better-sqlite3":
      return new SqliteEngine(options) as Engine<unknown>;
    default:
      throw new TypeError(`opledger/typeorm does not speak to TypeORM's driver "${type}"`);
  }
}

const ledgers = new WeakMap<DataSource, TypeormLedger>();

/**
 * The one ledger of a data source, which its repositories use. The first call makes it.
 *
 * @throws {TypeError} options are given, and the data source has its ledger already
 */
export function idempotency(dataSource: DataSource, options?: TypeormLedgerOptions): TypeormLedger {
  const known = ledgers.get(dataSource);
  if (known === undefined) {
    const made = createLedger(dataSource, options);
    ledgers.set(dataSource, made);
    return made;
  }
  if (options !== undefined) {
    throw new TypeError(
      "This data source has its ledger already. Give the options once, where the data source is made, before any repository is used.",
    );
  }
  return known;
}
