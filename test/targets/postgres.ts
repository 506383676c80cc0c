import pg from "pg";
import {
  createLedger,
  type PgClientLike,
  type PgLedger,
  type PgTransaction,
} from "../../src/adapters/pg/index.js";
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
import { createDatabase, serverUrl } from "../servers/use.js";
import { fixtureSchema, SAMPLE_COLUMNS } from "./postgres-schema.js";

export interface PostgresTarget {
  readonly name: TargetName;
  readonly server: "postgres15" | "postgres17" | "postgres18";
  readonly suite: Target["suite"];
  readonly cases: number;
  /** What the fixture's own ledger runs over; `pool` unless given. */
  readonly source?: "pool" | "client" | "pipeline";
  readonly ledger?: { readonly schema: string; readonly table: string };
  readonly partitioned?: boolean;
  readonly extras?: readonly Concern[];
}

/** A target over `pg`. */
export function postgresTarget(options: PostgresTarget): Target {
  const { name, server, suite, cases, source = "pool" } = options;
  const capabilities: Capabilities = {
    concurrent: source !== "client",
    connections: "many",
    within: true,
    batches: true,
    isolationLevels: ["read committed", "repeatable read", "serializable"],
    failedStatement: "aborts",
    booleans: "boolean",
    dates: "Date",
    nameCharactersMax: 63,
    rewrittenKey: { single: true, batch: false },
    beyondSnapshot: "refused",
    reportsWaiting: true,
    refusesLostUpdates: true,
    exactNumbers: true,
    writers: "many",
    noticesOver: true,
    ledgerName: options.ledger === undefined ? "default" : "custom",
  };
  return {
    name,
    suite,
    cases,
    capabilities: { ...CAPABILITIES[name], ...capabilities },
    unavailable: serverUrl(server) === undefined ? `this test run has no server ${server}` : undefined,
    open: () => PostgresFixture.open(options),
    extras: options.extras,
  };
}

type Nest = (tx: PgTransaction, settings: LedgerSettings) => TestLedger;

function workOf(tx: PgTransaction, nest: Nest): Work {
  return {
    query: async (sql) => rowsOf(await tx.query(sql)),
    within: (settings = {}) => nest(tx, settings),
  };
}

/** A text of several statements answers with a list of results. */
function rowsOf(result: { rows: Row[] } | readonly { rows: Row[] }[]): Row[] {
  if (!("rows" in result)) return result.at(-1)?.rows ?? [];
  return result.rows;
}

/** pg's ledger in the suite's terms: only the handle that work gets differs. */
function adapt(ledger: Ledger<PgTransaction>, nest: Nest): TestLedger {
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

const SQL_STATES: Readonly<Record<string, Violation>> = {
  "23505": "unique",
  "23514": "check",
  "42P01": "missing-table",
  "22003": "too-big",
};

export class PostgresFixture implements Fixture {
  readonly samples = SAMPLE_COLUMNS.map(([column, , value]) => ({ column, value }));
  readonly endings = [
    "COMMIT",
    "rollback",
    "  -- a comment\n /* and */ END",
    "ABORT",
    "BEGIN",
    "SELECT 1; COMMIT",
    "; COMMIT",
    "ROLLBACK; BEGIN",
    "SELECT 1; ROLLBACK",
    "SELECT 1; ROLLBACK; BEGIN",
    "SELECT 1; COMMIT; BEGIN",
    "SELECT 1; ROLLBACK AND CHAIN",
    "SELECT 1; COMMIT AND CHAIN",
  ];
  readonly ledgerTable: string;
  readonly #admin: pg.Pool;
  readonly #names: { schema?: string; table?: string };
  #source: pg.Pool | pg.Client;
  readonly #processes = new Set<Process>();
  readonly #begun = new Set<pg.Client>();

  private constructor(
    readonly options: PostgresTarget,
    readonly url: string,
    readonly drop: () => Promise<void>,
  ) {
    this.#names = { ...options.ledger };
    const { schema = "public", table = "opledger_operations" } = this.#names;
    this.ledgerTable = `${this.quote(schema)}.${this.quote(table)}`;
    this.#admin = new pg.Pool({ connectionString: url, max: 3 });
    this.#source = this.#newSource();
  }

  static async open(options: PostgresTarget): Promise<PostgresFixture> {
    const { url, drop } = await createDatabase(options.server);
    const fixture = new PostgresFixture(options, url, drop);
    const { schema } = fixture.#names;
    if (schema !== undefined) await fixture.query(`CREATE SCHEMA ${fixture.quote(schema)}`);
    for (const { up } of ledgerMigrations("postgres", fixture.#names)) await fixture.query(up);
    await fixture.query(fixtureSchema(options.partitioned === true));
    if (fixture.#source instanceof pg.Client) await fixture.#source.connect();
    return fixture;
  }

  #newSource(): pg.Pool | pg.Client {
    const { source } = this.options;
    if (source === "client") return new pg.Client({ connectionString: this.url });
    return new pg.Pool({
      connectionString: this.url,
      max: 5,
      ...(source === "pipeline" && { pipeline: true }),
    });
  }

  quote(name: string): string {
    return `"${name.replaceAll('"', '""')}"`;
  }

  qualified(table: string): string {
    return table === "elsewhere" ? "side.elsewhere" : `public.${table}`;
  }

  createLedger(settings: LedgerSettings = {}): TestLedger {
    return this.ledgerOver(this.#source, settings);
  }

  /** The adapter's own ledger, for cases about the client. */
  pgLedger(source: pg.Pool | pg.Client, settings: LedgerSettings = {}): PgLedger {
    return createLedger(source, { ...this.#names, ...settings });
  }

  ledgerOver(source: pg.Pool | pg.Client, settings: LedgerSettings): TestLedger {
    return adapt(this.pgLedger(source, settings), (tx, own) =>
      this.joined(tx as unknown as PgClientLike, source, own),
    );
  }

  joined(client: PgClientLike, source: pg.Pool | pg.Client, settings: LedgerSettings): TestLedger {
    return adapt(this.pgLedger(source, settings).within(client), (tx, own) =>
      this.joined(tx as unknown as PgClientLike, source, own),
    );
  }

  newPool(max: number, isolation?: IsolationLevel, more: pg.PoolConfig = {}): pg.Pool {
    const options =
      isolation === undefined
        ? {}
        : { options: `-c default_transaction_isolation=${isolation.replaceAll(" ", "\\ ")}` };
    return new pg.Pool({ connectionString: this.url, max, ...options, ...more });
  }

  async process({ connections = 5, isolation }: ProcessOptions = {}): Promise<Process> {
    const pool = this.newPool(connections, isolation);
    let closed: Promise<void> | undefined;
    const made: Process = {
      createLedger: (settings = {}) => this.ledgerOver(pool, settings),
      occupy: async () => {
        const client = await pool.connect();
        return () => client.release();
      },
      close: () => {
        this.#processes.delete(made);
        closed ??= ended(pool);
        return closed;
      },
    };
    this.#processes.add(made);
    return made;
  }

  async begin(isolation?: IsolationLevel): Promise<OpenTransaction> {
    const client = new pg.Client({ connectionString: this.url });
    // A case that failed leaves its transaction open; the database goes away under it, and that is no second failure.
    client.on("error", () => {});
    this.#begun.add(client);
    await client.connect();
    await client.query(`BEGIN${isolation === undefined ? "" : ` ISOLATION LEVEL ${isolation}`}`);
    const end = async (sql: string): Promise<void> => {
      try {
        await client.query(sql);
      } finally {
        this.#begun.delete(client);
        await client.end();
      }
    };
    return {
      ledger: (settings = {}) => this.joined(client, this.#source, settings),
      query: async (sql) => rowsOf(await client.query(sql)),
      commit: () => end("COMMIT"),
      rollback: () => end("ROLLBACK"),
    };
  }

  async query(sql: string): Promise<readonly Row[]> {
    return rowsOf(await this.#admin.query(sql));
  }

  violation(error: unknown): Violation {
    const { code } = (error ?? {}) as { code?: unknown };
    return typeof code === "string" ? SQL_STATES[code] : undefined;
  }

  async createOutdatedLedger(table: string): Promise<void> {
    for (const { up } of ledgerMigrations("postgres", { ...this.#names, table })) await this.query(up);
    const { schema = "public" } = this.#names;
    await this.query(`ALTER TABLE ${this.quote(schema)}.${this.quote(table)} DROP COLUMN state CASCADE`);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#begun].map((client) => client.end()));
    await Promise.all([...this.#processes].map((each) => each.close()));
    await ended(this.#source);
    await ended(this.#admin);
    await this.drop();
  }
}

/** Ends before the server has seen it, so that the drop of the database may still reach its connections. */
function ended(source: pg.Pool | pg.Client): Promise<void> {
  if (source instanceof pg.Pool) source.on("error", () => {});
  else source.on("error", () => {});
  return source.end();
}
