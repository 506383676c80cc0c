import { randomBytes } from "node:crypto";
import { ledgerMigrations } from "opledger/migrations";
import pg from "pg";
import { provide } from "../test/servers/provide.js";
import { subjectOf } from "./calls.js";
import type { Driver, Engine } from "./subject.js";

const ACCOUNTS = 100_000;
const LEDGER_ROWS = 50_000;

/** Half-full pages: every UPDATE finds room beside the old row, on both sides and for the whole run. */
const TABLES = `
CREATE TABLE accounts (
  id integer PRIMARY KEY, balance bigint NOT NULL, status text NOT NULL, version integer NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE payments (id uuid PRIMARY KEY, account integer NOT NULL, amount bigint NOT NULL, note text NOT NULL);
CREATE TABLE hand_ledger (key uuid PRIMARY KEY, result jsonb, created_at timestamptz NOT NULL);
`;
/**
 * Ledgers that have been in use for a while: over an empty one PostgreSQL plans a sequential scan, and a prepared
 * statement keeps that plan while the ledger grows, until autovacuum analyzes it.
 */
const RESET = `
TRUNCATE accounts, payments, hand_ledger, opledger_operations;
INSERT INTO accounts SELECT id, 0, 'open', 0 FROM generate_series(1, ${ACCOUNTS}) AS id;
CREATE TEMPORARY TABLE past ON COMMIT DROP AS
  SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - ${LEDGER_ROWS} + n), 12, '0') || substr(md5(n::text), 1, 20))::uuid AS id
  FROM generate_series(1, ${LEDGER_ROWS}) AS n;
INSERT INTO hand_ledger SELECT id, '{"id": 1, "balance": 1, "status": "open", "version": 0}', now() FROM past;
INSERT INTO payments SELECT id, 1, 1, 'an ordinary note' FROM past;
INSERT INTO opledger_operations (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT id, 'acme', 'top_up', id::text, sha256(id::text::bytea), 1,
    '\\x0275' || '{"id": 1, "balance": 1, "status": "open", "version": 0}'::bytea, now(), now() + interval '7 days'
  FROM past;
`;
const DURABILITY = ["fsync", "synchronous_commit", "full_page_writes", "wal_level"];
const LEDGERS = { opledger: "opledger_operations", "hand-written": "hand_ledger" } as const;

/** A durable PostgreSQL, private unless TEST_POSTGRES_URL names one, with a database of its own. */
export async function startPostgresEngine(
  client: string,
  driver: (url: string, connections: number) => Driver | Promise<Driver>,
): Promise<Engine> {
  const provided = await provide("postgres", { durable: true, settings: { wal_level: "replica" } });
  if (provided.status === "skipped") throw new Error(`${provided.reason} To add it: ${provided.howToAdd}`);
  const { server } = provided;
  const database = `opledger_bench_${randomBytes(4).toString("hex")}`;
  await asAdministrator(server.url, `CREATE DATABASE ${database}`);
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  const admin = new pg.Client(url.href);
  await admin.connect();
  await admin.query(TABLES);
  for (const { up } of ledgerMigrations("postgres")) await admin.query(up);
  return {
    name: "postgres",
    client,
    version: server.version,
    durability: await durability(admin),
    host: server.host,
    port: server.port,
    protocol: "postgres",
    async open({ connections, through, accounts = ACCOUNTS }) {
      await admin.query(RESET);
      await admin.query("VACUUM ANALYZE");
      const reached = new URL(url);
      if (through !== undefined) reached.host = `${through.host}:${through.port}`;
      const subject = subjectOf(await driver(reached.href, connections), accounts);
      await subject.prepare();
      return subject;
    },
    /**
     * The one who flushes first waits, and whoever commits meanwhile is flushed along, as on a disk that takes that long.
     *
     * @see https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-COMMIT-DELAY
     */
    async slowFlushes(ms) {
      await admin.query(`ALTER DATABASE ${database} SET commit_siblings = 0`);
      await admin.query(`ALTER DATABASE ${database} SET commit_delay = ${Math.round(ms * 1000)}`);
    },
    ...storage(admin),
    async close() {
      await admin.end();
      await asAdministrator(server.url, `DROP DATABASE ${database} WITH (FORCE)`);
      await server.stop();
    },
  };
}

function storage(admin: pg.Client): Pick<Engine, "checkpoint" | "logBytes" | "ledgerBytes"> {
  const number = async (sql: string): Promise<number> => {
    const { rows } = await admin.query<{ value: string }>(sql);
    return Number(rows[0]?.value);
  };
  return {
    async checkpoint() {
      await admin.query("CHECKPOINT");
    },
    logBytes: () => number("SELECT pg_current_wal_insert_lsn() - '0/0' AS value"),
    ledgerBytes: (ledger) => number(`SELECT pg_total_relation_size('${LEDGERS[ledger]}') AS value`),
  };
}

async function durability(admin: pg.Client): Promise<string> {
  const { rows } = await admin.query<{ name: string; setting: string }>(
    "SELECT name, setting FROM pg_settings WHERE name = ANY ($1) ORDER BY name",
    [DURABILITY],
  );
  return rows.map(({ name, setting }) => `${name}=${setting}`).join(" ");
}

async function asAdministrator(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
