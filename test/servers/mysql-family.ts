import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Launch, startManaged } from "./managed.js";
import { readGreeting } from "./mysql-protocol.js";
import { serverDirectory, type User } from "./system.js";
import type { Server, StartOptions } from "./types.js";

/** What MariaDB and MySQL do differently. */
interface Flavour {
  readonly engine: "mysql" | "mariadb";
  readonly user: User | undefined;
  /** The server program. */
  readonly command: string;
  /** The program that creates the system tables, and its own arguments. */
  readonly initialize: { readonly command: string; readonly parameters: readonly string[] };
  /** Where the server's own files are, for both programs. */
  readonly places: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
  /** For a server that is one of several. */
  readonly member?: Member;
}

/** What a node of a cluster does beside what a server alone does. */
export interface Member {
  /** Settings of the next start, which may depend on what the last one left. `program` is the server, on its data. */
  settings(program: readonly string[], user: User | undefined): Promise<Readonly<Record<string, string>>>;
  /** Throws while the node behind `url` is not a part of the cluster that can be used. */
  joined(url: string): Promise<void>;
}

const COMMON = {
  "bind-address": "127.0.0.1",
  "max-connections": "200",
  "innodb-buffer-pool-size": "128M",
  // Debian compiles a directory of the system's own server in, and its absence is fatal.
  "secure-file-priv": "",
} as const;

const FAST = {
  "innodb-flush-log-at-trx-commit": "0",
  "innodb-doublewrite": "0",
  "innodb-flush-method": "nosync",
  "sync-binlog": "0",
} as const;

const DURABLE = { "innodb-flush-log-at-trx-commit": "1", "sync-binlog": "1" } as const;

function flags(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
}

/** The database that the URL names, so that a client need not create one before its first statement. */
const DATABASE = "test";

/** A private server of the MySQL family, with `root` and no password. */
export async function startFlavour(flavour: Flavour, options: StartOptions): Promise<Server> {
  const { engine, user, command, initialize, places, member } = flavour;
  const directory = serverDirectory(engine === "mysql" ? "my" : "ma", user);
  const dataDirectory = join(directory, "data");
  const initFile = join(directory, "init.sql");
  const durability = options.durable ? DURABLE : FAST;
  const settings = { ...COMMON, ...flavour.settings, ...durability, ...options.settings };
  // A server that starts removes every temporary table that it finds, those of others too.
  const base = ["--no-defaults", ...places, `--datadir=${dataDirectory}`, `--tmpdir=${directory}`];
  const url = (port: number): string => `mysql://root@127.0.0.1:${port}/${DATABASE}`;
  let joining: Readonly<Record<string, string>> = {};
  const launch: Launch = {
    engine,
    directory,
    user,
    command,
    async configure() {
      joining = (await member?.settings([command, ...base], user)) ?? {};
    },
    argumentsFor: (port) => [
      ...base,
      `--port=${port}`,
      `--socket=${join(directory, "socket")}`,
      `--pid-file=${join(directory, "pid")}`,
      `--init-file=${initFile}`,
      ...flags({ ...settings, ...joining }),
    ],
    url,
    stopSignal: "SIGTERM",
    async ready(port, log) {
      // The log line first: a MariaDB that gets SIGTERM between "port open" and this line hangs for minutes, and
      // only the line tells that the one who answers on the port is this server.
      if (!/ready for connections/.test(log)) throw new Error("no 'ready for connections' in the log");
      const { version } = await readGreeting("127.0.0.1", port);
      await member?.joined(url(port));
      return version;
    },
  };
  return startManaged(launch, async (run) => {
    // Run by the server before it accepts anyone, and by every restart again.
    await writeFile(initFile, `CREATE DATABASE IF NOT EXISTS ${DATABASE};\n`, { mode: 0o644 });
    // Always without syncing: this directory is worthless until the server has started once.
    const quick = { ...flavour.settings, "innodb-flush-method": "nosync" };
    await run(initialize.command, [...base, ...initialize.parameters, ...flags(quick)]);
  });
}
