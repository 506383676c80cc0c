import { randomBytes } from "node:crypto";
import callback from "mysql2";
import mysql from "mysql2/promise";
import { createLedger, type MysqlLedger, type MysqlTransaction } from "../../src/adapters/mysql2/index.js";
import type { Ledger } from "../../src/core/ledger.js";
import type { IsolationLevel, Row } from "../../src/index.js";
import { ledgerMigrations } from "../../src/migrations/index.js";
import { CAPABILITIES, type Capabilities, type TargetName } from "../conformance/capabilities.js";
import type {
  Concern,
  Fixture,
  LedgerSettings,
  OpenTransaction,
  Process,
  ProcessOptions,
  Target,
  TestLedger,
  Violation,
  Work,
} from "../conformance/target.js";
import { serverUrl } from "../servers/use.js";
import { fixtureSchema, quote, SAMPLE_COLUMNS } from "./mysql-schema.js";

export interface MysqlTarget {
  readonly name: TargetName;
  readonly server: "mysql" | "mariadb";
  readonly suite: Target["suite"];
  readonly cases: number;
  /** What the fixture's own ledger runs over; `promise pool` unless given. */
  readonly source?: "promise pool" | "pool" | "connection";
  /** Of the ledger; `aside` in another database than the tables that its users write to. */
  readonly ledger?: { readonly table: string; readonly aside?: boolean };
  readonly flags?: readonly string[];
  /** Whether the ledger has its procedures; true unless given. */
  readonly procedures?: boolean;
  readonly extras?: readonly Concern[];
}

type Source = mysql.Pool | callback.Pool | mysql.Connection;
type Joinable = mysql.Connection | MysqlTransaction;

/** A target over `mysql2`. */
export function mysqlTarget(options: MysqlTarget): Target {
  const { name, server, suite, cases, source, ledger, extras } = options;
  const capabilities: Capabilities = {
    concurrent: source !== "connection",
    connections: "many",
    within: true,
    batches: true,
    isolationLevels: ["read committed", "repeatable read", "serializable"],
    failedStatement: "undone",
    booleans: "number",
    dates: "Date",
    nameCharactersMax: 64,
    rewrittenKey: server === "mariadb" ? { single: true, batch: true } : { single: false, batch: false },
    beyondSnapshot: "replayed",
    reportsWaiting: false,
    refusesLostUpdates: false,
    exactNumbers: true,
    writers: "many",
    noticesOver: true,
    ledgerName: ledger === undefined ? "default" : "custom",
  };
  return {
    name,
    suite,
    cases,
    capabilities: { ...CAPABILITIES[name], ...capabilities },
    unavailable: serverUrl(server) === undefined ? `this test run has no server ${server}` : undefined,
    open: () => MysqlFixture.open(options),
    extras,
  };
}

function workOf(
  tx: MysqlTransaction,
  nest: (tx: MysqlTransaction, settings: LedgerSettings) => TestLedger,
): Work {
  return {
    query: async (sql) => rowsOf((await tx.query(sql))[0]),
    within: (settings = {}) => nest(tx, settings),
  };
}

function rowsOf(result: unknown): readonly Row[] {
  return Array.isArray(result) ? (result as Row[]) : [];
}

function adapt(
  ledger: Ledger<MysqlTransaction>,
  nest: (tx: MysqlTransaction, settings: LedgerSettings) => TestLedger,
): TestLedger {
  return {
    once: (ref, work, options) => ledger.once(ref, (tx) => work(workOf(tx, nest)), options),
    operation: (ref) => ledger.operation(ref),
    insertMany: (inserts) => ledger.insertMany(inserts),
    incrementMany: (increments) => ledger.incrementMany(increments),
    sweep: (options) => ledger.sweep(options),
    inspect: (ref) => ledger.inspect(ref),
    erase: (options) => ledger.erase(options),
    stats: () => ledger.stats(),
  };
}

const VIOLATIONS: Readonly<Record<number, Violation>> = {
  1062: "unique",
  3819: "check",
  4025: "check",
  1146: "missing-table",
  1264: "too-big",
  1690: "too-big",
  1406: "too-big",
};

class MysqlFixture implements Fixture {
  readonly samples = SAMPLE_COLUMNS.map(([column, , value]) => ({ column, value }));
  readonly endings = [
    "COMMIT",
    "rollback",
    "  -- a comment\n /* and */ # more\n COMMIT",
    "BEGIN",
    "START TRANSACTION READ ONLY",
    "/*!50000 COMMIT */",
    "SET autocommit = 1",
    "SET @x = 1, @@session.autocommit := 1",
    "CREATE TABLE IF NOT EXISTS made_inside (id int)",
    "ALTER TABLE spare COMMENT = 'x'",
    "LOCK TABLES effects WRITE",
    "TRUNCATE TABLE watched_log",
    "COMMIT AND CHAIN",
  ];
  readonly ledgerTable: string;
  readonly #names: { readonly table?: string; readonly schema?: string };
  readonly #admin: mysql.Pool;
  readonly #source: Source;
  readonly #processes = new Set<Process>();
  readonly #begun = new Set<mysql.Connection>();

  private constructor(
    readonly options: MysqlTarget,
    readonly url: string,
    readonly database: string,
    source: (url: string) => Source,
  ) {
    const { table = "opledger_operations", aside = false } = options.ledger ?? {};
    this.#names = { table, ...(aside && { schema: `${database}_side` }) };
    this.ledgerTable = aside ? `${quote(`${database}_side`)}.${quote(table)}` : quote(table);
    this.#admin = mysql.createPool({
      uri: url,
      connectionLimit: 3,
      multipleStatements: true,
      supportBigNumbers: true,
    });
    this.#source = source(url);
  }

  static async open(options: MysqlTarget): Promise<MysqlFixture> {
    const server = serverUrl(options.server);
    if (server === undefined) throw new Error(`this test run has no server ${options.server}`);
    const database = `test_${randomBytes(8).toString("hex")}`;
    const admin = await mysql.createConnection(server);
    await admin.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
    await admin.query(`CREATE DATABASE ${database}_side`);
    await admin.end();
    const url = new URL(server);
    url.pathname = `/${database}`;
    const connection =
      options.source === "connection" ? await mysql.createConnection(config(url.href, options)) : undefined;
    const fixture = new MysqlFixture(options, url.href, database, (uri) => {
      if (connection !== undefined) return connection;
      const pool = { ...config(uri, options), connectionLimit: 5 };
      return options.source === "pool" ? callback.createPool(pool) : mysql.createPool(pool);
    });
    await fixture.migrate(fixture.#names);
    for (const sql of fixtureSchema(`${database}_side`)) await fixture.query(sql);
    return fixture;
  }

  async migrate(names: { readonly table?: string; readonly schema?: string }): Promise<void> {
    for (const { upStatements } of ledgerMigrations(this.options.server, names)) {
      for (const sql of upStatements) {
        if (this.options.procedures !== false || !sql.includes("CREATE PROCEDURE")) await this.query(sql);
      }
    }
  }

  quote(name: string): string {
    return quote(name);
  }

  qualified(table: string): string {
    return table === "elsewhere" ? `${this.database}_side.elsewhere` : `${this.database}.${table}`;
  }

  createLedger(settings: LedgerSettings = {}): TestLedger {
    return this.#over(this.#source, settings);
  }

  /** The adapter's own ledger, for cases about the client. */
  mysqlLedger(source: Source, settings: LedgerSettings = {}): MysqlLedger {
    return createLedger(source, { ...this.#names, ...settings });
  }

  #over(source: Source, settings: LedgerSettings): TestLedger {
    return adapt(this.mysqlLedger(source, settings), (tx, own) => this.#joined(tx, source, own));
  }

  #joined(joinable: Joinable, source: Source, settings: LedgerSettings): TestLedger {
    return adapt(this.mysqlLedger(source, settings).within(joinable), (tx, own) =>
      this.#joined(tx, source, own),
    );
  }

  newPool(connectionLimit: number, isolation?: IsolationLevel): mysql.Pool {
    const pool = mysql.createPool({ ...config(this.url, this.options), connectionLimit });
    if (isolation !== undefined) {
      pool.pool.on("connection", (connection) => {
        connection.query(`SET SESSION TRANSACTION ISOLATION LEVEL ${isolation.toUpperCase()}`);
      });
    }
    return pool;
  }

  async process({ connections = 5, isolation }: ProcessOptions = {}): Promise<Process> {
    const pool = this.newPool(connections, isolation);
    let closed: Promise<void> | undefined;
    const made: Process = {
      createLedger: (settings = {}) => this.#over(pool, settings),
      occupy: async () => {
        const connection = await pool.getConnection();
        return () => connection.release();
      },
      close: () => {
        this.#processes.delete(made);
        closed ??= pool.end();
        return closed;
      },
    };
    this.#processes.add(made);
    return made;
  }

  async begin(isolation?: IsolationLevel): Promise<OpenTransaction> {
    const connection = await mysql.createConnection(config(this.url, this.options));
    this.#begun.add(connection);
    if (isolation !== undefined)
      await connection.query(`SET TRANSACTION ISOLATION LEVEL ${isolation.toUpperCase()}`);
    await connection.query("START TRANSACTION");
    const end = async (sql: string): Promise<void> => {
      try {
        await connection.query(sql);
      } finally {
        this.#begun.delete(connection);
        await connection.end();
      }
    };
    return {
      ledger: (settings = {}) => this.#joined(connection, this.#source, settings),
      query: async (sql) => rowsOf((await connection.query(sql))[0]),
      commit: () => end("COMMIT"),
      rollback: () => end("ROLLBACK"),
    };
  }

  async query(sql: string): Promise<readonly Row[]> {
    return rowsOf((await this.#admin.query(sql))[0]);
  }

  violation(error: unknown): Violation {
    const { errno } = (error ?? {}) as { errno?: unknown };
    return typeof errno === "number" ? VIOLATIONS[errno] : undefined;
  }

  async createOutdatedLedger(table: string): Promise<void> {
    await this.migrate({ table });
    await this.query(`ALTER TABLE ${quote(table)} DROP CONSTRAINT ${quote(`${table}_state_check`)}`);
    await this.query(`ALTER TABLE ${quote(table)} DROP COLUMN state`);
  }

  async close(): Promise<void> {
    // A case that failed leaves its transaction open, and its locks would keep the database from being dropped.
    for (const connection of this.#begun) connection.destroy();
    await Promise.all([...this.#processes].map((each) => each.close()));
    const { promise } = this.#source as Partial<callback.Pool>;
    await (this.options.source === "pool" && promise !== undefined
      ? (this.#source as callback.Pool).promise().end()
      : (this.#source as mysql.Pool).end());
    await this.#admin.query(`DROP DATABASE ${this.database}; DROP DATABASE ${this.database}_side`);
    await this.#admin.end();
  }
}

function config(uri: string, { flags }: MysqlTarget): mysql.ConnectionOptions {
  return { uri, supportBigNumbers: true, ...(flags !== undefined && { flags: [...flags] }) };
}
