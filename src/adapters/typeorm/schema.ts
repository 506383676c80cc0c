import { EntitySchema, type MigrationInterface, type QueryRunner } from "typeorm";
import { DEFAULT_TABLE } from "../../core/options.js";
import { type Engine, ledgerMigrations, type MigrationOptions } from "../../migrations/index.js";

/** A row of the ledger, as an entity to read. */
export interface OperationLedgerRow {
  readonly scope: string;
  readonly operation: string;
  readonly key: string;
  /** 0 claimed, 1 completed, 2 failed. */
  readonly state: number;
  readonly createdAt: unknown;
  readonly expiresAt: unknown;
}

export interface OperationLedgerOptions {
  readonly schema?: string | undefined;
  /** `opledger_operations` unless given. */
  readonly table?: string | undefined;
}

/**
 * The ledger as an entity, for reading: dashboards, support. It belongs to its migrations: neither `synchronize` nor
 * `migration:generate` touches it. Never write to it.
 *
 * @example
 * const Operations = operationLedger();
 * new DataSource({ entities: [Account, Operations], … });
 * await dataSource.getRepository(Operations).countBy({ operation: "top_up" });
 */
export function operationLedger({
  schema,
  table = DEFAULT_TABLE,
}: OperationLedgerOptions = {}): EntitySchema<OperationLedgerRow> {
  return new EntitySchema<OperationLedgerRow>({
    name: "OperationLedger",
    tableName: table,
    ...(schema === undefined ? {} : { schema }),
    synchronize: false,
    columns: {
      scope: { type: String, primary: true },
      operation: { type: String, primary: true },
      key: { type: String, primary: true },
      state: { type: Number },
      createdAt: { type: Date, name: "created_at" },
      expiresAt: { type: Date, name: "expires_at" },
    },
  });
}

export interface LedgerMigrationOptions extends MigrationOptions {
  /** When the migration was written, in milliseconds: TypeORM runs migrations in this order. 13 digits. */
  readonly timestamp: number;
  /** Which step of the ledger's schema it is; 1 unless given. */
  readonly version?: number | undefined;
}

/**
 * A TypeORM migration that is one step of the ledger's schema, on whichever engine it is run.
 *
 * @throws {TypeError} the timestamp has not 13 digits
 * @example
 * export const Ledger = ledgerMigration({ timestamp: 1795319756731 });
 */
export function ledgerMigration(options: LedgerMigrationOptions): new () => MigrationInterface {
  const { timestamp, version = 1, ...names } = options;
  if (!/^\d{13}$/.test(String(timestamp))) {
    throw new TypeError("ledgerMigration: `timestamp` must be milliseconds since 1970, in 13 digits");
  }
  const run = async (runner: QueryRunner, direction: "upStatements" | "downStatements"): Promise<void> => {
    const step = ledgerMigrations(await engineOf(runner), names).find((each) => each.version === version);
    if (step === undefined) throw new TypeError(`ledgerMigration: the ledger has no version ${version}`);
    for (const sql of step[direction]) await runner.query(sql);
  };
  return class implements MigrationInterface {
    readonly name = `OpledgerLedgerV${version}${timestamp}`;

    up(runner: QueryRunner): Promise<void> {
      return run(runner, "upStatements");
    }

    down(runner: QueryRunner): Promise<void> {
      return run(runner, "downStatements");
    }
  };
}

/** Either of TypeORM's MySQL drivers speaks to either server, so that one says itself what it is. */
async function engineOf(runner: QueryRunner): Promise<Engine> {
  const { type } = runner.manager.dataSource.options;
  const engine = ENGINES[type];
  if (engine === undefined) throw new TypeError(`opledger has no ledger for TypeORM's driver "${type}"`);
  if (engine !== "either") return engine;
  const [row] = (await runner.query("SELECT VERSION() AS version")) as { readonly version: string }[];
  return /mariadb/i.test(String(row?.version)) ? "mariadb" : "mysql";
}

const ENGINES: Readonly<Record<string, Engine | "either" | undefined>> = {
  postgres: "postgres",
  mysql: "either",
  mariadb: "either",
  sqljs: "sqlite",
  "better-sqlite3": "sqlite",
};
