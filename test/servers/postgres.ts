import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { type Launch, startManaged } from "./managed.js";
import { findPostgres, type PostgresVersion } from "./postgres-binaries.js";
import { serverDirectory, unprivilegedUser } from "./system.js";
import type { Server, StartOptions } from "./types.js";

interface PostgresOptions extends StartOptions {
  /** Default: the newest that is installed, else the npm package's 17. */
  readonly version?: PostgresVersion;
}

const ANSWER_TIMEOUT_MS = 2_000;

const COMMON = {
  listen_addresses: "127.0.0.1",
  // Off: every client comes over TCP, and a socket's path would limit how deep the directory may lie.
  unix_socket_directories: "",
  // In the data directory, so that what a SIGKILL leaves is removed with it; /dev/shm would keep it.
  dynamic_shared_memory_type: "mmap",
  max_connections: "200",
  shared_buffers: "128MB",
  log_min_messages: "warning",
  // What replication, logical decoding and two-phase tests need; raising it later takes a restart.
  wal_level: "logical",
  max_wal_senders: "10",
  max_replication_slots: "10",
  max_prepared_transactions: "50",
} as const;

const FAST = { fsync: "off", synchronous_commit: "off", full_page_writes: "off", autovacuum: "off" } as const;
const DURABLE = { fsync: "on", synchronous_commit: "on", full_page_writes: "on" } as const;

function configuration(options: PostgresOptions): string {
  const settings = { ...COMMON, ...(options.durable ? DURABLE : FAST), ...options.settings };
  // In the file and not on the command line, where they would win over a test's ALTER SYSTEM.
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
  );
  return lines.join("");
}

async function ask(url: string, setting: string): Promise<string> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: ANSWER_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ value: string }>("select current_setting($1) as value", [setting]);
    return rows[0]?.value ?? "";
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The version that the server behind `url` reports, such as `15.20`; rejects while nobody answers there. */
export async function askVersion(url: string): Promise<string> {
  // Debian appends its package's version after a blank.
  return (await ask(url, "server_version")).split(" ")[0] ?? "";
}

async function ready(url: string, dataDirectory: string): Promise<string> {
  // After a lost race for the port, the server that answers there is somebody else's.
  if ((await ask(url, "data_directory")) !== dataDirectory)
    throw new Error("another server answers on this port");
  return askVersion(url);
}

/**
 * A private PostgreSQL on a port of its own, with superuser `postgres` and no password.
 * @throws {ServerUnavailableError} this machine has no such version
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<Server> {
  const user = unprivilegedUser("postgres");
  const binaries = findPostgres(options.version, user);
  const directory = serverDirectory("pg", user);
  const dataDirectory = join(directory, "data");
  const url = (port: number): string => `postgres://postgres@127.0.0.1:${port}/postgres`;
  const launch: Launch = {
    engine: "postgres",
    directory,
    user,
    command: join(binaries, "postgres"),
    argumentsFor: (port) => ["-D", dataDirectory, "-p", String(port)],
    url,
    stopSignal: "SIGINT",
    ready: (port) => ready(url(port), dataDirectory),
  };
  return startManaged(launch, async (run) => {
    const parameters = [
      "-D",
      dataDirectory,
      "-U",
      "postgres",
      "-A",
      "trust",
      "-E",
      "UTF8",
      "--locale=C",
      "--no-sync",
    ];
    await run(join(binaries, "initdb"), parameters);
    await writeFile(join(dataDirectory, "postgresql.conf"), configuration(options), { flag: "a" });
  });
}
