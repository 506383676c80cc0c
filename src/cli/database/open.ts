import { DEFAULT_TABLE } from "../../core/options.js";
import { quoted } from "../../migrations/quote.js";
import type { DatabaseFlags } from "../command.js";
import { CliError, EXIT } from "../exit.js";
import type { Io } from "../io.js";
import type { Client, ConnectOptions, LedgerNames } from "./client.js";
import { connectMysql } from "./mysql.js";
import { connectPostgres } from "./postgres.js";
import { connectSqlite } from "./sqlite.js";
import { type DatabaseUrl, databaseUrl, type Protocol } from "./url.js";

/** A connected database, where the ledger is in it, and how to name it to people. */
export interface OpenDatabase extends Client {
  readonly names: LedgerNames;
  /** The URL without its password. */
  readonly shown: string;
  /** The ledger's table as people write it, e.g. `public.opledger_operations`. */
  readonly ledgerName: string;
  /** The same quoted, for SQL. */
  readonly ledgerRef: string;
}

const CONNECT: Readonly<Record<Protocol, (target: string, options: ConnectOptions) => Promise<Client>>> = {
  postgres: connectPostgres,
  mysql: connectMysql,
  sqlite: connectSqlite,
};

/**
 * Connects to the database that the options name, runs `use`, and closes the connection whatever became of it.
 *
 * @throws {CliError} there is no URL, no driver or no answer
 */
export async function withDatabase<T>(
  io: Io,
  flags: DatabaseFlags,
  use: (database: OpenDatabase) => Promise<T>,
  { create = false }: { readonly create?: boolean } = {},
): Promise<T> {
  const url = databaseUrl(flags.url, io.env);
  const names = { schema: flags.schema ?? url.schema, table: flags.table ?? DEFAULT_TABLE };
  if (url.protocol === "sqlite" && (names.schema ?? "main") !== "main") throw attached(names.schema);
  const client = await connect(url, { cwd: io.cwd, create });
  const schema = names.schema ?? (client.engine === "postgres" ? "public" : undefined);
  const ledgerName = schema === undefined ? names.table : `${schema}.${names.table}`;
  try {
    const ledgerRef = quoted(client.engine, schema === undefined ? [names.table] : [schema, names.table]);
    return await use({ ...client, names, shown: url.shown, ledgerName, ledgerRef });
  } finally {
    // What was asked for is done, or has failed for a better reason.
    await client.close().catch(() => undefined);
  }
}

async function connect({ protocol, target, shown }: DatabaseUrl, options: ConnectOptions): Promise<Client> {
  try {
    return await CONNECT[protocol](target, options);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(EXIT.unreachable, `No connection to ${shown}: ${reason(error)}`, {
      hint: CONNECT_HINT[protocol],
      cause: error,
    });
  }
}

/** What an application attaches to its own connection is not there on another one. */
function attached(schema: string | undefined): CliError {
  return new CliError(EXIT.usage, `An SQLite file has no schema ${schema}: its own is main.`, {
    hint: "name the attached database's file by --url, without --schema",
  });
}

const CONNECT_HINT: Readonly<Record<Protocol, string>> = {
  postgres: "check that the server runs, and the URL's host, port, user and password",
  mysql: "check that the server runs, and the URL's host, port, user and password",
  sqlite: "check the file's name, its folder, and that it is a database of SQLite's",
};

/** Node wraps what happened at each of a host's addresses. */
function reason(error: unknown): string {
  const [first] = error instanceof AggregateError ? error.errors : [error];
  return first instanceof Error && first.message !== "" ? first.message : String(first);
}
