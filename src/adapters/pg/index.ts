import type { LedgerContext } from "../../core/context.js";
import type { Database } from "../../core/executor.js";
import { Ledger } from "../../core/ledger.js";
import { type CommonOptions, checkedOptions, DEFAULT_TABLE } from "../../core/options.js";
import { postgresDialect } from "../../dialects/postgres/index.js";
import type { PgClientLike, PgPoolLike } from "./client.js";
import { PgDatabase } from "./executor.js";
import type { PgTransaction } from "./transaction.js";

export interface LedgerOptions extends CommonOptions {
  /** The ledger's schema; `public` unless given. */
  readonly schema?: string | undefined;
  /** Whether to use named prepared statements; `auto`, the default, stops where a pooler refuses them. */
  readonly prepare?: "auto" | boolean | undefined;
}

/** A ledger over a `pg` pool or client. */
export class PgLedger extends Ledger<PgTransaction> {
  readonly #context: LedgerContext<PgTransaction>;
  readonly #database: PgDatabase;

  /** @internal See {@link createLedger}. */
  constructor(context: LedgerContext<PgTransaction>, database: PgDatabase) {
    super(context);
    this.#context = context;
    this.#database = database;
  }

  /**
   * The same ledger inside an open transaction: one that the caller began on a client, or that of another operation's
   * work. Every call is a savepoint there, so that one that fails leaves the transaction usable; nothing is kept unless
   * the transaction commits.
   */
  within(joined: PgClientLike | PgTransaction): Ledger<PgTransaction> {
    if ("totalCount" in joined) {
      throw new TypeError("`within` takes a client with an open transaction, not a pool");
    }
    const database: Database<PgTransaction> = this.#database.within(joined);
    return new Ledger({ ...this.#context, database });
  }
}

/**
 * The operation ledger over `pg`.
 *
 * @param source a Pool, or a single connected Client that nothing else begins transactions on
 * @throws {TypeError} an option is out of its range
 * @example
 * const ledger = createLedger(new Pool());
 * const { status, value } = await ledger.once({ operation: "create_invoice", key }, async (tx) => {
 *   await tx.query("INSERT INTO invoices (number) VALUES ($1)", [7]);
 *   return { number: 7 };
 * });
 */
export function createLedger(source: PgPoolLike | PgClientLike, options: LedgerOptions = {}): PgLedger {
  const { schema = "public", table = DEFAULT_TABLE, prepare = "auto" } = options;
  const { settings, acquireMs } = checkedOptions<PgTransaction>(options);
  const ledger = { schema, table };
  const database = new PgDatabase(source, { ledger, prepare, acquireMs });
  return new PgLedger({ ...settings, database, dialect: postgresDialect(ledger) }, database);
}

export type { PgClientLike, PgPoolLike, PgQueryConfig, PgResult } from "./client.js";
export type { PgSubmittable, PgTransaction } from "./transaction.js";
