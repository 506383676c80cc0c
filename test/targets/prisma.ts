import type Sqlite from "libsql";
import { PRISMA_ISOLATION_LEVELS, type PrismaClientLike } from "../../src/adapters/prisma/client.js";
import { type Engine, engineOf } from "../../src/adapters/prisma/engine.js";
import { PrismaDatabase } from "../../src/adapters/prisma/executor.js";
import { driverCause } from "../../src/adapters/prisma/failure.js";
import type { LedgerContext } from "../../src/core/context.js";
import { Ledger } from "../../src/core/ledger.js";
import { type CommonOptions, checkedOptions, DEFAULT_TABLE } from "../../src/core/options.js";
import { ROW_TEXT } from "../../src/dialects/postgres/index.js";
import type { BatchOutcome, IsolationLevel, Row, WriteOutcome } from "../../src/index.js";
import { ledgerMigrations } from "../../src/migrations/index.js";
import { CAPABILITIES, type Capabilities, type TargetName } from "../conformance/capabilities.js";
import { gate, literal } from "../conformance/helpers.js";
import type {
  BoundWrites,
  Fixture,
  LedgerSettings,
  OpenTransaction,
  Process,
  ProcessOptions,
  Sample,
  Target,
  TestLedger,
  Violation,
  Work,
} from "../conformance/target.js";
import { type Opened, openDatabase, type PrismaEngine } from "../prisma/open.js";
import { serverUrl } from "../servers/use.js";

/** What one database engine needs for the suite, behind a Prisma client. */
export interface PrismaCase {
  readonly engine: PrismaEngine;
  readonly provider: Engine["provider"];
  readonly client: (url: string, connections: number, isolation?: IsolationLevel) => PrismaTestClient;
  readonly schema: (opened: Opened) => readonly string[];
  readonly samples: readonly Sample[];
  readonly endings: readonly string[];
  readonly quote: (name: string) => string;
  readonly qualified: (table: string, opened: Opened) => string;
  /** By the driver adapter's kind of error, or its code; or by a part of its message, where that is all. */
  readonly violations: Readonly<Record<string, Violation>>;
  readonly outdate: (table: string) => readonly string[];
  /** Why it cannot be tested here, where that is not for the lack of a server. */
  readonly unavailable?: string | undefined;
  /** Another SQLite than libsql's. */
  readonly library?: typeof Sqlite;
  readonly capabilities: Omit<
    Capabilities,
    "concurrent" | "connections" | "within" | "batches" | "ledgerName"
  >;
}

export type PrismaTestClient = PrismaClientLike & { $disconnect(): Promise<void> };

export function prismaTarget(
  name: TargetName,
  suite: Target["suite"],
  cases: number,
  tested: PrismaCase,
): Target {
  const { engine, capabilities } = tested;
  const missing = engine !== "sqlite" && serverUrl(engine) === undefined;
  return {
    name,
    suite,
    cases,
    capabilities: {
      ...CAPABILITIES[name],
      ...capabilities,
      concurrent: engine !== "sqlite",
      connections: "many",
      within: true,
      batches: true,
      ledgerName: "default",
    },
    unavailable: missing ? `this test run has no server ${engine}` : tested.unavailable,
    open: () => PrismaFixture.open(tested),
  };
}

/** Long enough for what the suite itself waits for inside of a transaction. */
const TRANSACTION = { maxWait: 5_000, timeout: 60_000 } as const;

class PrismaFixture implements Fixture {
  readonly samples: readonly Sample[];
  readonly endings: readonly string[];
  readonly ledgerTable: string;
  readonly #client: PrismaTestClient;
  readonly #clients = new Set<PrismaTestClient>();
  readonly #begun = new Set<() => Promise<void>>();

  private constructor(
    readonly tested: PrismaCase,
    readonly opened: Opened,
  ) {
    this.samples = tested.samples;
    this.endings = tested.endings;
    this.ledgerTable = tested.quote(DEFAULT_TABLE);
    this.#client = this.#newClient(5);
  }

  static async open(tested: PrismaCase): Promise<PrismaFixture> {
    const opened = await openDatabase(tested.engine, false, tested.library);
    for (const sql of tested.schema(opened)) await opened.query(sql);
    return new PrismaFixture(tested, opened);
  }

  #newClient(connections: number, isolation?: IsolationLevel): PrismaTestClient {
    const client = this.tested.client(this.opened.url, connections, isolation);
    this.#clients.add(client);
    return client;
  }

  quote(name: string): string {
    return this.tested.quote(name);
  }

  qualified(table: string): string {
    return this.tested.qualified(table, this.opened);
  }

  createLedger(settings: LedgerSettings = {}): TestLedger {
    return this.#over(this.#client, settings);
  }

  #over(client: PrismaClientLike, settings: LedgerSettings): TestLedger {
    const { table = DEFAULT_TABLE } = settings;
    const engine = engineOf(this.tested.provider, { schema: undefined, table });
    const { settings: checked } = checkedOptions<PrismaClientLike>(settings as CommonOptions);
    const database = new PrismaDatabase(client, engine, TRANSACTION);
    const context: LedgerContext<PrismaClientLike> = { ...checked, database, dialect: engine.dialect };
    return adapt(
      new Ledger(context),
      (tx, own) => this.#over(tx, own),
      (outcome, table) => this.#shown(outcome, table, settings.redact ?? []),
    );
  }

  /**
   * PostgreSQL's rows come as the text of their JSON, which `$operation` reads by the schema's metadata. The suite has none, and so
   * asks PostgreSQL what row the text stands for.
   */
  async #shown(
    outcome: WriteOutcome<unknown>,
    table: string,
    redact: readonly string[],
  ): Promise<WriteOutcome<Row>> {
    const text = (outcome.value as Row | null)?.[ROW_TEXT];
    if (typeof text !== "string") return outcome as WriteOutcome<Row>;
    const path = (table.includes(".") ? table : `public.${table}`).split(".").map((name) => this.quote(name));
    const [row] = await this.query(
      `SELECT (row).* FROM (SELECT json_populate_record(NULL::${path.join(".")}, ${literal(text)}) AS row) AS stored`,
    );
    const columns = [...Object.keys(JSON.parse(text) as Row), ...redact];
    const value = Object.fromEntries(
      columns.flatMap((name) => (row !== undefined && name in row ? [[name, row[name]]] : [])),
    );
    return { ...outcome, value };
  }

  async process({ connections = 5, isolation }: ProcessOptions = {}): Promise<Process> {
    const client = this.#newClient(connections, isolation);
    let closed: Promise<void> | undefined;
    return {
      createLedger: (settings = {}) => this.#over(client, settings),
      occupy: async () => (await heldOpen(client, {})).finish,
      close: () => {
        this.#clients.delete(client);
        closed ??= client.$disconnect();
        return closed;
      },
    };
  }

  async begin(isolation?: IsolationLevel): Promise<OpenTransaction> {
    const client = this.#newClient(1);
    const { tx, finish, done } = await heldOpen(client, {
      ...(isolation !== undefined &&
        this.tested.engine !== "sqlite" && { isolationLevel: PRISMA_ISOLATION_LEVELS[isolation] }),
    });
    const end = async (how: () => void): Promise<void> => {
      this.#begun.delete(abandon);
      how();
      await done.catch((error: unknown) => {
        if (error !== ROLLBACK) throw error;
      });
      this.#clients.delete(client);
      await client.$disconnect();
    };
    const abandon = (): Promise<void> => end(() => finish(ROLLBACK));
    this.#begun.add(abandon);
    return {
      ledger: (settings = {}) => this.#over(tx, settings),
      query: (sql) => ask(tx, sql),
      commit: () => end(() => finish()),
      rollback: abandon,
    };
  }

  async query(sql: string): Promise<readonly Row[]> {
    return this.opened.query(sql);
  }

  violation(error: unknown): Violation {
    const cause = driverCause(error);
    const { violations } = this.tested;
    const said = Object.keys(violations).find((text) => text.includes(" ") && cause?.message.includes(text));
    return violations[cause?.kind ?? ""] ?? violations[cause?.code ?? ""] ?? violations[said ?? ""];
  }

  async createOutdatedLedger(table: string): Promise<void> {
    const engine = this.tested.engine.startsWith("postgres") ? "postgres" : this.tested.engine;
    for (const { upStatements } of ledgerMigrations(engine as "postgres" | "mysql" | "mariadb" | "sqlite", {
      table,
    })) {
      for (const sql of upStatements) await this.query(sql);
    }
    for (const sql of this.tested.outdate(table)) await this.query(sql);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#begun].map((abandon) => abandon().catch(() => {})));
    await Promise.all([...this.#clients].map((client) => client.$disconnect()));
    await this.opened.drop();
  }
}

const ROLLBACK = new Error("rolled back by the test");

interface Held {
  readonly tx: PrismaClientLike;
  /** Lets the transaction commit, or roll back where there is a reason. */
  readonly finish: (reason?: Error) => void;
  readonly done: Promise<void>;
}

/** A transaction that stays open until it is told otherwise. */
async function heldOpen(client: PrismaClientLike, options: object): Promise<Held> {
  const finished = gate();
  let reason: Error | undefined;
  return new Promise<Held>((resolve, reject) => {
    const done = client.$transaction(
      async (tx) => {
        resolve({
          tx,
          done: undefined as never,
          finish: (why) => {
            reason = why;
            finished.open();
          },
        });
        await finished.opened;
        if (reason !== undefined) throw reason;
      },
      { ...TRANSACTION, ...options },
    );
    done.catch(reject);
    ends.push(done);
  }).then((held) => ({ ...held, done: ends.pop() ?? Promise.resolve() }));
}

const ends: Promise<void>[] = [];

type Nest = (tx: PrismaClientLike, settings: LedgerSettings) => TestLedger;

type Show = (outcome: WriteOutcome<unknown>, table: string) => Promise<WriteOutcome<Row>>;

function adapt(ledger: Ledger<PrismaClientLike>, nest: Nest, show: Show): TestLedger {
  return {
    once: (ref, work, options) => ledger.once(ref, (tx) => work(workOf(tx, nest)), options),
    operation: (ref) => {
      const bound = ledger.operation(ref);
      return {
        insert: async (args) => show(await bound.insert(args), args.into),
        upsert: async (args) => show(await bound.upsert(args), args.into),
        update: async (args) => show(await bound.update(args), args.table),
        increment: async (args) => show(await bound.increment(args), args.table),
        delete: async (args) => show(await bound.delete(args), args.from),
      } as BoundWrites;
    },
    insertMany: async (inserts) => all(await ledger.insertMany(inserts), String(inserts[0]?.into), show),
    incrementMany: async (increments) =>
      all(await ledger.incrementMany(increments), String(increments[0]?.table), show),
    sweep: (options) => ledger.sweep(options),
    inspect: (ref) => ledger.inspect(ref),
    erase: (options) => ledger.erase(options),
    stats: () => ledger.stats(),
  };
}

function all<R>(
  outcomes: readonly BatchOutcome<Row>[],
  table: string,
  show: Show,
): Promise<BatchOutcome<R>[]> {
  const shown = outcomes.map((outcome) => (outcome.status === "refused" ? outcome : show(outcome, table)));
  return Promise.all(shown) as Promise<BatchOutcome<R>[]>;
}

function workOf(tx: PrismaClientLike, nest: Nest): Work {
  return { query: (sql) => ask(tx, sql), within: (settings = {}) => nest(tx, settings) };
}

async function ask(tx: PrismaClientLike, sql: string): Promise<readonly Row[]> {
  if (/^\s*(?:--.*\n|\/\*.*?\*\/|\s)*select\b|returning/i.test(sql))
    return (await tx.$queryRawUnsafe(sql)) as Row[];
  await tx.$executeRawUnsafe(sql);
  return [];
}
