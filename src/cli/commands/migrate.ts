import { type AppliedMigrations, applyMigrations, MigrationRefusedError } from "../../migrations/apply.js";
import { ledgerMigrations } from "../../migrations/index.js";
import { type CliCommand, type DatabaseFlags, defineCommand, type Report, wholeNumber } from "../command.js";
import { withDatabase } from "../database/open.js";
import { databaseUrl } from "../database/url.js";
import { CliError, EXIT } from "../exit.js";
import type { Io } from "../io.js";

interface MigrateFlags extends DatabaseFlags {
  readonly wait: number;
  readonly partitions?: boolean;
}

const WAIT_SECONDS_DEFAULT = 60;
const WAIT_SECONDS_MAX = 3_600;

export const migrate: CliCommand = defineCommand<MigrateFlags>({
  path: "migrate",
  summary: "make the ledger in a database, or bring it up to date",
  details: `
For projects without a migration tool; those that have one use "migration create". Safe to run from every instance of a
deployment at once: one does the work and the others wait. Safe to run again after it was killed.
On a MySQL or MariaDB cluster run it on one node: the lock is that node's own.`,
  examples: [
    ["opledger migrate --url postgres://app@db/shop", "make the ledger, or bring it up to date"],
    ["opledger migrate --json", "in a deployment, with DATABASE_URL set"],
  ],
  database: true,
  shape: (command) =>
    command
      .option("--partitions", "make it in daily partitions (PostgreSQL; see docs/guides/migrations.md)")
      .option(
        "--wait <seconds>",
        "how long another process may take that does the same",
        wholeNumber(1, WAIT_SECONDS_MAX),
        WAIT_SECONDS_DEFAULT,
      ),
  run: async ({ options, io }) => {
    refuseBadInput(options, io);
    return withDatabase(
      io,
      options,
      async ({ engine, query, names, ledgerName }) => {
        const { partitions, wait } = options;
        const executor = {
          run: ({ sql, values }: { sql: string; values: readonly unknown[] }) => query(sql, values),
        };
        const request = { engine, ...names, partitions, waitMs: wait * 1_000 };
        return report(await applyMigrations(executor, request).catch(refused), ledgerName);
      },
      { create: true },
    );
  },
});

/**
 * Before anything is touched: opening a file of SQLite's makes it.
 *
 * @throws {TypeError} a name is not one that the engine keeps whole, or it has no partitions that fit
 */
function refuseBadInput({ url, table, schema, partitions }: MigrateFlags, { env }: Io): void {
  const named = databaseUrl(url, env);
  // What is refused is the same for all engines of a protocol.
  ledgerMigrations(named.protocol, { table, schema: schema ?? named.schema, partitions });
}

/** PostgreSQL, then MySQL and MariaDB. */
const NO_SCHEMA: ReadonlySet<unknown> = new Set(["3F000", "ER_BAD_DB_ERROR"]);

function refused(error: unknown): never {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: string };
  if (NO_SCHEMA.has(code)) {
    throw new CliError(EXIT.failed, `Nothing was changed: ${message}.`, {
      hint: "make it first (CREATE SCHEMA), and run this again",
      cause: error,
    });
  }
  if (!(error instanceof MigrationRefusedError)) throw error;
  throw new CliError(error.reason === "busy" ? EXIT.failed : EXIT.schema, error.message, { cause: error });
}

function report(applied: AppliedMigrations, ledgerName: string): Report {
  return {
    data: { ledger: ledgerName, ...applied },
    text: (style) => {
      const { from, to } = applied;
      if (applied.applied.length === 0)
        return `${style.green("✔")} ${ledgerName} is at version ${to} already`;
      const before = from === 0 ? "made" : `was at version ${from}`;
      return `${style.green("✔")} ${ledgerName} is at version ${to} now ${style.dim(`(${before})`)}`;
    },
  };
}
