import { existsSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startManaged } from "./managed.js";
import { askVersion } from "./postgres.js";
import { serverDirectory, unprivilegedUser } from "./system.js";
import type { Server } from "./types.js";

type Pgbouncer =
  | {
      readonly status: "ready";
      readonly port: number;
      /** Like the server's own URL; every database of the server is reachable under its name. */
      readonly url: string;
      stop(): Promise<void>;
    }
  | { readonly status: "skipped"; readonly reason: string; readonly howToAdd: string };

interface PgbouncerOptions {
  readonly poolMode: "session" | "transaction" | "statement";
  /** Further lines of the `[pgbouncer]` section. */
  readonly settings?: Readonly<Record<string, string>>;
}

const PLACES = [
  "/usr/sbin/pgbouncer",
  "/usr/bin/pgbouncer",
  "/opt/homebrew/bin/pgbouncer",
  "/usr/local/bin/pgbouncer",
];

function configuration(server: Server, port: number, options: PgbouncerOptions): string {
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: String(port),
    unix_socket_dir: "",
    // "any" instead of "trust", which wants a file that lists the users; the pool always logs in as the superuser.
    auth_type: "any",
    pool_mode: options.poolMode,
    default_pool_size: "20",
    max_client_conn: "200",
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  return `[databases]\n* = host=${server.host} port=${server.port} user=postgres\n[pgbouncer]\n${lines.join("")}`;
}

/** A private pgbouncer in front of one of our PostgreSQL servers. Stop it before the server. */
export async function startPgbouncer(server: Server, options: PgbouncerOptions): Promise<Pgbouncer> {
  const command = PLACES.find(existsSync);
  if (command === undefined) {
    return {
      status: "skipped",
      reason: "pgbouncer is not installed",
      howToAdd: "install pgbouncer (Debian, as root: npm run servers:install)",
    };
  }
  const user = unprivilegedUser("postgres");
  const directory = serverDirectory("pgb", user);
  const file = join(directory, "pgbouncer.ini");
  const url = (port: number): string => `postgres://postgres@127.0.0.1:${port}/postgres`;
  const pooler = await startManaged({
    engine: "postgres",
    directory,
    user,
    command,
    argumentsFor: () => [file],
    async configure(port) {
      await writeFile(file, configuration(server, port, options));
      await chmod(file, 0o644);
    },
    url,
    // It has nothing to save, and from 1.23 on its SIGTERM waits for the clients to leave.
    stopSignal: "SIGKILL",
    ready: (port) => askVersion(url(port)),
  });
  return { status: "ready", port: pooler.port, url: pooler.url, stop: () => pooler.stop() };
}
