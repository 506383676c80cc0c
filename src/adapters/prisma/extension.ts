import { Decimal } from "@prisma/client/runtime/client";
import type { LedgerContext } from "../../core/context.js";
import { type InspectedOperation, Ledger } from "../../core/ledger.js";
import { once } from "../../core/once.js";
import type { OperationRef } from "../../core/operation.js";
import { type CommonOptions, checkedOptions, DEFAULT_TABLE } from "../../core/options.js";
import type { Outcome } from "../../core/outcome.js";
import type { SweepOptions, SweepProgress } from "../../core/retention.js";
import { boundModels } from "./bound.js";
import { PRISMA_ISOLATION_LEVELS, type PrismaClientLike, type PrismaTransactionOptions } from "./client.js";
import { type Engine, engineOf } from "./engine.js";
import { MissingMetadataError } from "./errors.js";
import { PrismaDatabase } from "./executor.js";
import { activeProvider, transactionTimes } from "./internals.js";
import { METADATA_FORMAT, type PrismaMetadata } from "./metadata.js";
import type { BoundOperation, TransactionClient } from "./types.js";

export interface OpledgerOptions extends Omit<CommonOptions, "decimal"> {
  /** What `generator opledger` wrote of the schema; needed for `$operation`. */
  readonly metadata?: PrismaMetadata | undefined;
  /** The ledger's schema; `public` on PostgreSQL and the connection's own elsewhere unless given. */
  readonly schema?: string | undefined;
  /**
   * How long a transaction of opledger's own may wait for a connection, in milliseconds; what the client's `transactionOptions` say, or
   * `waitMs`, or 5,000 if that is less.
   */
  readonly maxWait?: number | undefined;
  /**
   * How long a transaction of opledger's own may take, in milliseconds; what the client's `transactionOptions` say, or 5,000 more than
   * `waitMs`.
   */
  readonly timeout?: number | undefined;
}

/** Prisma's own options of an interactive transaction. */
export interface PrismaOnceOptions extends PrismaTransactionOptions {}

/** The ledger itself. */
export interface PrismaLedger {
  /** Removes operations past their retention, in bounded batches. */
  sweep(options?: SweepOptions): Promise<SweepProgress>;
  /** What the ledger holds of an operation; undefined where it holds nothing, or nothing committed yet. */
  inspect(operation: OperationRef): Promise<InspectedOperation | undefined>;
}

/** What the extension adds to a client, and to the client inside each of its transactions. */
export type OpledgerMethods = {
  /**
   * Runs `work` once per operation: the claim, all that `work` does through `tx` and its result commit together, and every later
   * call with the same key gets the stored result. Inside a transaction it joins that, as a savepoint.
   *
   * @param work gets the client inside the transaction, with every extension's methods and hooks
   * @throws see `Ledger.once`; beside that, Prisma's own errors as Prisma throws them
   */
  $once<C, R>(
    this: C,
    operation: OperationRef,
    work: (tx: TransactionClient<C>) => Promise<R> | R,
    options?: PrismaOnceOptions,
  ): Promise<Outcome<R>>;
  /**
   * Binds an operation to the models' writes. One operation is one write.
   *
   * @throws {MissingMetadataError} the extension was not given the schema's metadata
   */
  $operation<C>(this: C, operation: OperationRef): BoundOperation<C>;
  readonly $ledger: PrismaLedger;
};

/**
 * The operation ledger as an extension of Prisma Client, for PostgreSQL, MySQL, MariaDB and SQLite.
 *
 * @throws {TypeError} an option is out of its range, or the metadata is of another schema or version
 * @example
 * const prisma = new PrismaClient({ adapter }).$extends(opledger({ metadata }));
 * const { status, value } = await prisma.$operation({ operation: "top_up", key }).account.update({
 *   where: { id: 1 },
 *   data: { balance: { increment: 100 } },
 * });
 */
export function opledger(options: OpledgerOptions = {}): {
  readonly name: "opledger";
  readonly client: OpledgerMethods;
} {
  const extend = (parent: PrismaClientLike & { $extends(extension: object): unknown }): unknown =>
    parent.$extends({ name: "opledger", client: methods(parent, options) });
  // Prisma takes a function as well as an object, and infers the client's type from the object only.
  return extend as unknown as ReturnType<typeof opledger>;
}

function methods(parent: PrismaClientLike, options: OpledgerOptions): OpledgerMethods {
  const shared = new Shared(parent, options);
  return {
    async $once(operation, work, { isolationLevel, ...given } = {}) {
      const client = this as PrismaClientLike;
      const run = work as (tx: unknown) => ReturnType<typeof work>;
      return once(shared.contextFor(client, given), operation, run, {
        isolationLevel: isolationLevel === undefined ? undefined : coreLevel(isolationLevel),
      });
    },
    $operation(ref) {
      const client = this as PrismaClientLike;
      const { metadata } = options;
      if (metadata === undefined) throw new MissingMetadataError();
      return boundModels({ client, context: shared.context(client), metadata, ref }) as never;
    },
    $ledger: new Ledger(shared.context(parent)),
  };
}

/** What every client extended by one call shares. */
class Shared {
  readonly #engine: Engine;
  readonly #settings: Omit<LedgerContext<PrismaClientLike>, "database" | "dialect">;
  readonly #transaction: PrismaTransactionOptions;
  /** By the client that a call was made on: most calls are made on one and the same. */
  readonly #contexts = new WeakMap<PrismaClientLike, LedgerContext<PrismaClientLike>>();

  constructor(parent: PrismaClientLike, options: OpledgerOptions) {
    const { schema, table = DEFAULT_TABLE, metadata, redact } = options;
    const provider = activeProvider(parent);
    if (metadata !== undefined) checkMetadata(metadata, provider);
    this.#engine = engineOf(provider, { schema, table });
    const { settings, acquireMs } = checkedOptions<PrismaClientLike>({
      ...options,
      redact: redact === undefined || metadata === undefined ? redact : withColumns(redact, metadata),
      decimal: (text) => new Decimal(text),
    });
    this.#settings = settings;
    const own = transactionTimes(parent);
    this.#transaction = {
      maxWait: options.maxWait ?? own.maxWait ?? acquireMs,
      timeout: options.timeout ?? own.timeout ?? settings.waitMs + WORK_MS,
    };
  }

  context(client: PrismaClientLike): LedgerContext<PrismaClientLike> {
    const known = this.#contexts.get(client);
    if (known !== undefined) return known;
    const made = this.#contextOf(client, this.#transaction);
    this.#contexts.set(client, made);
    return made;
  }

  /** @param own what the call says of its transaction */
  contextFor(client: PrismaClientLike, own: PrismaTransactionOptions): LedgerContext<PrismaClientLike> {
    const { maxWait, timeout } = own;
    if (maxWait === undefined && timeout === undefined) return this.context(client);
    return this.#contextOf(client, { ...this.#transaction, ...own });
  }

  #contextOf(client: PrismaClientLike, options: PrismaTransactionOptions): LedgerContext<PrismaClientLike> {
    const { dialect } = this.#engine;
    return { ...this.#settings, dialect, database: new PrismaDatabase(client, this.#engine, options) };
  }
}

/** Prisma's own default for a transaction. */
const WORK_MS = 5_000;

function checkMetadata({ format, provider }: PrismaMetadata, active: unknown): void {
  if (format !== METADATA_FORMAT) {
    throw new TypeError(
      `the metadata has format ${format}, and this version of opledger reads ${METADATA_FORMAT}: run \`npx prisma generate\``,
    );
  }
  if (provider !== active) {
    throw new TypeError(
      `the metadata is of a schema for ${provider}, and this client is for ${String(active)}`,
    );
  }
}

/** Names to redact are those of fields, and the ledger sees columns. */
function withColumns(redact: readonly string[], { models }: PrismaMetadata): readonly string[] {
  const columns = Object.values(models).flatMap(({ fields }) =>
    Object.entries(fields).flatMap(([name, field]) =>
      field.kind !== "relation" && redact.includes(name) ? [field.column] : [],
    ),
  );
  return [...new Set([...redact, ...columns])];
}

function coreLevel(given: string): keyof typeof PRISMA_ISOLATION_LEVELS {
  for (const level of ["read committed", "repeatable read", "serializable"] as const) {
    if (PRISMA_ISOLATION_LEVELS[level] === given) return level;
  }
  throw new TypeError(`isolationLevel must be one of ${Object.values(PRISMA_ISOLATION_LEVELS).join(", ")}`);
}
