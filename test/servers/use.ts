import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";
import { queryMysql } from "./mysql-query.js";
import type { ServerName } from "./provide.js";
// For its augmentation of vitest's ProvidedContext, which types what inject() returns.
import type {} from "./vitest-setup.js";

/** The URL of a server that the whole test run shares, or undefined where this run has none of that name. */
export function serverUrl(name: ServerName): string | undefined {
  return inject("servers")[name];
}

async function execute(url: string, statement: string): Promise<void> {
  if (!url.startsWith("postgres")) return void (await queryMysql(url, statement));
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/**
 * A fresh, empty database on a shared server: what isolates one test file from the next.
 * @throws {Error} this run has no such server; ask {@link serverUrl} before, and skip
 */
export async function createDatabase(name: ServerName): Promise<{ url: string; drop(): Promise<void> }> {
  const server = serverUrl(name);
  if (server === undefined) throw new Error(`this test run has no server ${name}: see the top of its output`);
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
    // With force: a test that failed may have left connections, and the next test must not pay for them.
    drop: () => execute(server, `drop database if exists ${database}${postgres ? " with (force)" : ""}`),
  };
}
