import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { queryMysql } from "./mysql-query.js";

async function execute(url: string, statement: string): Promise<void> {
  if (!url.startsWith("postgres")) return void (await queryMysql(url, statement));
  await withClient(url, (client) => client.query(statement));
}

async function withClient(url: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}

const GOODBYE_MS = 1_000;
const LOOK_MS = 10;

/**
 * With force: a test that failed may have left connections, and the next test must not pay for them. But a pool that was
 * ended is given time to say goodbye, since being thrown out meanwhile is an error that nobody listens for any more.
 */
async function drop(server: string, database: string): Promise<void> {
  if (!server.startsWith("postgres")) return execute(server, `drop database if exists ${database}`);
  await withClient(server, async (client) => {
    const count =
      "select count(*)::int as connected from pg_stat_activity where datname = $1 and backend_type = 'client backend'";
    for (let waited = 0; waited < GOODBYE_MS; waited += LOOK_MS) {
      const { rows } = await client.query<{ connected: number }>(count, [database]);
      if (rows[0]?.connected === 0) break;
      await sleep(LOOK_MS);
    }
    await client.query(`drop database if exists ${database} with (force)`);
  });
}

/** A fresh, empty database on a server, of a name that no other has. */
export async function createDatabaseOn(server: string): Promise<{ url: string; drop(): Promise<void> }> {
  const database = `test_${randomBytes(8).toString("hex")}`;
  const postgres = server.startsWith("postgres");
  await execute(
    server,
    `create database ${database} ${postgres ? "template template0" : "character set utf8mb4"}`,
  );
  const url = new URL(server);
  url.pathname = `/${database}`;
  return {
    url: url.href,
    drop: () => drop(server, database),
  };
}
