import { DataSource, type DataSourceOptions, type EntityManager, type QueryRunner } from "typeorm";
import { createLedger, type TypeormLedger } from "../../src/adapters/typeorm/index.js";
import type { Ledger } from "../../src/core/ledger.js";
import type { IsolationLevel, Row } from "../../src/index.js";
import { CAPABILITIES, type TargetName } from "../conformance/capabilities.js";
import type {
  Fixture,
  LedgerSettings,
  OpenTransaction,
  Process,
  ProcessOptions,
  Target,
  TestLedger,
  Work,
} from "../conformance/target.js";
import { mysqlTarget } from "./mysql2.js";
import { postgresTarget } from "./postgres.js";

export interface TypeormTarget {
  readonly name: TargetName;
  readonly server: "postgres15" | "mariadb" | "mysql";
  readonly suite: Target["suite"];
  readonly cases: number;
}

/** A target over a TypeORM data source; its tables, and what only the engine knows, are those of the driver's own target. */
export function typeormTarget({ name, server, suite, cases }: TypeormTarget): Target {
  const driver =
    server === "postgres15"
      ? postgresTarget({ name: "pg pool × PostgreSQL 15", server, suite, cases })
      : server === "mariadb"
        ? mysqlTarget({ name: "mysql2 pool × MariaDB 10.11", server, suite, cases })
        : mysqlTarget({ name: "mysql2 pool × MySQL 9.7", server, suite, cases });
  const type = server === "postgres15" ? "postgres" : server;
  return {
    name,
    suite,
    cases,
    capabilities: CAPABILITIES[name],
    unavailable: driver.unavailable,
    open: async () => {
      const fixture = (await driver.open()) as Fixture & { readonly url: string };
      return new TypeormFixture(fixture, type, await connect(type, fixture.url, {}));
    },
  };
}

type Type = "postgres" | "mariadb" | "mysql";

async function connect(
  type: Type,
  url: string,
  { connections = 5, isolation }: ProcessOptions,
): Promise<DataSource> {
  const extra =
    type === "postgres" && isolation !== undefined
      ? { options: `-c default_transaction_isolation=${isolation.replaceAll(" ", "\\ ")}` }
      : {};
  const options = { type, url, poolSize: connections, supportBigNumbers: true, extra };
  const dataSource = await new DataSource(options as DataSourceOptions).initialize();
  if (type !== "postgres" && isolation !== undefined) await isolate(dataSource, isolation);
  return dataSource;
}

/** Of connections yet to be made, and of the one that initializing the data source has made. */
async function isolate(dataSource: DataSource, isolation: IsolationLevel): Promise<void> {
  const set = `SET SESSION TRANSACTION ISOLATION LEVEL ${isolation.toUpperCase()}`;
  const { pool } = dataSource.driver as unknown as {
    pool: { on(event: "connection", listener: (connection: { query(sql: string): void }) => void): void };
  };
  pool.on("connection", (connection) => connection.query(set));
  await dataSource.query(set);
}

async function rows(runner: QueryRunner | undefined, sql: string): Promise<readonly Row[]> {
  if (runner === undefined) throw new Error("work has a query runner of its own");
  const result = await runner.query(sql, undefined, true);
  return result.records ?? [];
}

type Nest = (manager: EntityManager, settings: LedgerSettings) => TestLedger;

function workOf(manager: EntityManager, nest: Nest): Work {
  return {
    query: (sql) => rows(manager.queryRunner, sql),
    within: (settings = {}) => nest(manager, settings),
  };
}

function adapt(ledger: Ledger<EntityManager>, nest: Nest): TestLedger {
  return {
    once: (ref, work, options) => ledger.once(ref, (manager) => work(workOf(manager, nest)), options),
    operation: (ref) => ledger.operation(ref),
    insertMany: (inserts) => ledger.insertMany(inserts),
    incrementMany: (increments) => ledger.incrementMany(increments),
    sweep: (options) => ledger.sweep(options),
    inspect: (ref) => ledger.inspect(ref),
    erase: (options) => ledger.erase(options),
    stats: () => ledger.stats(),
  };
}

class TypeormFixture implements Fixture {
  readonly samples: Fixture["samples"];
  readonly endings: Fixture["endings"];
  readonly ledgerTable: string;
  readonly #processes = new Set<Process>();
  readonly #begun = new Set<QueryRunner>();

  constructor(
    readonly driver: Fixture & { readonly url: string },
    readonly type: Type,
    readonly dataSource: DataSource,
  ) {
    this.samples = driver.samples;
    this.endings = driver.endings;
    this.ledgerTable = driver.ledgerTable;
  }

  quote(name: string): string {
    return this.driver.quote(name);
  }

  qualified(table: string): string {
    return this.driver.qualified(table);
  }

  createLedger(settings: LedgerSettings = {}): TestLedger {
    return this.#over(this.dataSource, settings);
  }

  #over(dataSource: DataSource, settings: LedgerSettings): TestLedger {
    return adapt(createLedger(dataSource, settings), this.#nest(dataSource));
  }

  #nest(dataSource: DataSource): Nest {
    return (manager, settings) => {
      const ledger: TypeormLedger = createLedger(dataSource, settings);
      return adapt(ledger.inTransaction(manager), this.#nest(dataSource));
    };
  }

  async process(options: ProcessOptions = {}): Promise<Process> {
    const dataSource = await connect(this.type, this.driver.url, options);
    const made: Process = {
      createLedger: (settings = {}) => this.#over(dataSource, settings),
      occupy: async () => {
        const runner = dataSource.createQueryRunner();
        await runner.connect();
        return () => void runner.release();
      },
      close: async () => {
        if (this.#processes.delete(made)) await dataSource.destroy();
      },
    };
    this.#processes.add(made);
    return made;
  }

  async begin(isolation?: IsolationLevel): Promise<OpenTransaction> {
    const runner = this.dataSource.createQueryRunner();
    this.#begun.add(runner);
    await runner.startTransaction(isolation?.toUpperCase() as "SERIALIZABLE" | undefined);
    const end = async (finish: () => Promise<void>): Promise<void> => {
      try {
        await finish();
      } finally {
        this.#begun.delete(runner);
        await runner.release();
      }
    };
    return {
      ledger: (settings = {}) => this.#nest(this.dataSource)(runner.manager, settings),
      query: (sql) => rows(runner, sql),
      commit: () => end(() => runner.commitTransaction()),
      rollback: () => end(() => runner.rollbackTransaction()),
    };
  }

  query(sql: string): Promise<readonly Row[]> {
    return this.driver.query(sql);
  }

  violation(error: unknown): ReturnType<Fixture["violation"]> {
    return this.driver.violation(error);
  }

  createOutdatedLedger(table: string): Promise<void> {
    return this.driver.createOutdatedLedger(table);
  }

  async close(): Promise<void> {
    for (const runner of this.#begun) await runner.release();
    for (const each of this.#processes) await each.close();
    await this.dataSource.destroy();
    await this.driver.close();
  }
}
