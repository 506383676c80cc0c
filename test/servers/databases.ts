import { randomBytes } from "node:crypto";
import pg from "pg";
import { queryMysql } from "./mysql-query.js";

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
    // With force: a test that failed may have left connections, and the next test must not pay for them.
    drop: () => execute(server, `drop database if exists ${database}${postgres ? " with (force)" : ""}`),
  };
}
