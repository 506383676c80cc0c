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
      return TypeormFixture.open(fixture, (options) => connect(type, fixture.url, options));
    },
  };
}

/** What the suite needs beside data sources: the engine's own tables, and a look past every ledger. */
export type Backdrop = Omit<Fixture, "createLedger" | "process" | "begin">;

/** Makes data sources over the backdrop's database: independent connections, wherever the engine has more than one. */
export type Connect = (options: ProcessOptions) => Promise<DataSource>;

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

export class TypeormFixture implements Fixture {
  readonly samples: Fixture["samples"];
  readonly endings: Fixture["endings"];
  readonly ledgerTable: string;
  readonly #opened = new Set<DataSource>();
  readonly #begun = new Set<QueryRunner>();

  private constructor(
    readonly driver: Backdrop,
    readonly connect: Connect,
    readonly dataSource: DataSource,
  ) {
    this.samples = driver.samples;
    this.endings = driver.endings;
    this.ledgerTable = driver.ledgerTable;
    this.#opened.add(dataSource);
  }

  static async open(driver: Backdrop, connect: Connect): Promise<TypeormFixture> {
    return new TypeormFixture(driver, connect, await connect({}));
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

  async #connect(options: ProcessOptions): Promise<DataSource> {
    const dataSource = await this.connect(options);
    this.#opened.add(dataSource);
    return dataSource;
  }

  /** Where the engine has one connection only, that is everybody's, and closed with the fixture. */
  async #disconnect(dataSource: DataSource): Promise<void> {
    if (dataSource !== this.dataSource && this.#opened.delete(dataSource)) await dataSource.destroy();
  }

  async process(options: ProcessOptions = {}): Promise<Process> {
    const dataSource = await this.#connect(options);
    return {
      createLedger: (settings = {}) => this.#over(dataSource, settings),
      occupy: async () => {
        const runner = dataSource.createQueryRunner();
        await runner.connect();
        return () => void runner.release();
      },
      close: () => this.#disconnect(dataSource),
    };
  }

  async begin(isolation?: IsolationLevel): Promise<OpenTransaction> {
    const dataSource = await this.#connect({ connections: 1 });
    const runner = dataSource.createQueryRunner();
    this.#begun.add(runner);
    const levels: readonly string[] = dataSource.driver.supportedIsolationLevels;
    const level = isolation?.toUpperCase() ?? "";
    await runner.startTransaction(levels.includes(level) ? (level as "SERIALIZABLE") : undefined);
    const end = async (finish: () => Promise<void>): Promise<void> => {
      try {
        await finish();
      } finally {
        this.#begun.delete(runner);
        await runner.release();
        await this.#disconnect(dataSource);
      }
    };
    return {
      ledger: (settings = {}) => this.#nest(dataSource)(runner.manager, settings),
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
    for (const each of this.#opened) await each.destroy();
    await this.driver.close();
  }
}
