import { createLedger, type PgClientLike } from "../../adapters/pg/index.js";
import type { Client, ConnectOptions } from "./client.js";
import { loadDriver } from "./drivers.js";

/** What of `pg` is used here. */
interface PgModule {
  readonly Client: new (config: {
    connectionString: string;
    application_name: string;
    connectionTimeoutMillis: number;
  }) => PgClientLike & { connect(): Promise<unknown>; end(): Promise<void> };
}

export const CONNECT_MS = 10_000;

export async function connectPostgres(target: string, { cwd }: ConnectOptions): Promise<Client> {
  const { module } = await loadDriver(["pg"], cwd);
  const pg = (module.default ?? module) as PgModule;
  const client = new pg.Client({
    connectionString: target,
    application_name: "opledger",
    connectionTimeoutMillis: CONNECT_MS,
  });
  // Without a listener a connection that breaks between two statements would end the process; the next one tells.
  client.on("error", () => undefined);
  await client.connect();
  const query: Client["query"] = async (sql, values = []) => {
    const { rows, rowCount } = await client.query({ text: sql, values: [...values] });
    return { rows, affected: rowCount ?? 0 };
  };
  const { rows } = await query("SHOW server_version");
  return {
    engine: "postgres",
    version: String(rows[0]?.server_version),
    driver: "pg",
    query,
    ledger: ({ schema, table }) => createLedger(client, { schema, table, prepare: false }),
    close: () => client.end(),
  };
}
