import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { startMariadb } from "./mariadb.js";
import type { Member } from "./mysql-family.js";
import { queryMysql } from "./mysql-query.js";
import { asUser, freePort, sleep, type User } from "./system.js";
import { type Cluster, type Server, ServerUnavailableError } from "./types.js";

const PROVIDERS = ["/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so"];

/** A node's group address has the next port for incremental state transfers. */
interface Ports {
  readonly group: number;
  readonly incremental: number;
  readonly snapshot: number;
}

/** Shorter than the defaults of 5 and 15 s, so that a lost node is noticed within a test; longer than a busy machine stalls. */
const PATIENCE = {
  "evs.keepalive_period": "PT0.5S",
  "evs.suspect_timeout": "PT3S",
  "evs.inactive_timeout": "PT6S",
  "evs.install_timeout": "PT6S",
} as const;

const STORAGE = { "innodb-buffer-pool-size": "64M", "innodb-log-file-size": "16M" } as const;

const COMMON = {
  "binlog-format": "ROW",
  "innodb-autoinc-lock-mode": "2",
  "wsrep-on": "ON",
  "wsrep-cluster-name": "opledger",
  "wsrep-sst-method": "rsync",
  "wsrep-slave-threads": "2",
  ...STORAGE,
} as const;

const WHOLE_TIMEOUT_MS = 60_000;
const WHOLE_POLL_MS = 100;

function provider(): string {
  const found = PROVIDERS.find(existsSync);
  if (found !== undefined) return found;
  throw new ServerUnavailableError(
    "Galera is not installed",
    "install galera-4 and rsync (Debian, as root: npm run servers:install)",
  );
}

async function ports(): Promise<Ports> {
  return { group: await freePort(), incremental: await freePort(), snapshot: await freePort() };
}

const address = (port: number): string => `127.0.0.1:${port}`;

function options({ group, incremental }: Ports): string {
  const all = {
    base_port: String(group),
    "gmcast.listen_addr": `tcp://${address(group)}`,
    "ist.recv_addr": address(incremental),
    // Enough to catch up from after any outage of a test, instead of copying all data.
    "gcache.size": "32M",
    ...PATIENCE,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}`)
    .join(";");
}

/** After a crash only the storage engine knows how far the node had come; without this it copies all data anew. */
function recovered(program: readonly string[], user: User | undefined): string | undefined {
  const [command = "", ...base] = program;
  const parameters = [...base, "--wsrep-recover", "--skip-networking", ...Object.entries(STORAGE).map(flag)];
  const { stdout, stderr } = spawnSync(command, parameters, { encoding: "utf8", ...asUser(user) });
  return /Recovered position: *(\S+:-?\d+)/.exec(stdout + stderr)?.[1];
}

const flag = ([name, value]: [string, string]): string => `--${name}=${value}`;

/** @param first whether the node begins a new cluster when it starts for the first time */
function memberOf(own: Ports, all: readonly Ports[], first: boolean): Member {
  let starts = 0;
  const fixed = {
    "wsrep-provider": provider(),
    "wsrep-provider-options": options(own),
    "wsrep-node-name": `node-${own.group}`,
    "wsrep-node-address": address(own.group),
    "wsrep-sst-receive-address": address(own.snapshot),
    "wsrep-cluster-address": `gcomm://${all.map(({ group }) => address(group)).join(",")}`,
  };
  return {
    async settings(program, user) {
      starts += 1;
      if (starts === 1) return first ? { ...fixed, "wsrep-cluster-address": "gcomm://" } : fixed;
      const position = recovered(program, user);
      return position === undefined ? fixed : { ...fixed, "wsrep-start-position": position };
    },
    async joined(url) {
      const state = await status(url, "wsrep_local_state_comment");
      if (state !== "Synced") throw new Error(`the node is ${state}`);
    },
  };
}

async function status(url: string, name: string): Promise<string | undefined> {
  return (await queryMysql(url, `SHOW STATUS LIKE '${name}'`))[0]?.[1];
}

async function isWhole(nodes: readonly Server[]): Promise<boolean> {
  const states = await Promise.all(
    nodes.map(async ({ url }) => {
      const names = ["wsrep_local_state_comment", "wsrep_cluster_status", "wsrep_cluster_size"];
      return (await Promise.all(names.map((name) => status(url, name)))).join(" ");
    }),
  ).catch(() => []);
  return states.length > 0 && states.every((state) => state === `Synced Primary ${nodes.length}`);
}

async function untilWhole(nodes: readonly Server[]): Promise<void> {
  const deadline = Date.now() + WHOLE_TIMEOUT_MS;
  while (!(await isWhole(nodes))) {
    if (Date.now() > deadline) throw new Error(`the cluster is not whole after ${WHOLE_TIMEOUT_MS} ms`);
    await sleep(WHOLE_POLL_MS);
  }
}

/**
 * A private cluster of three MariaDB nodes, each a {@link Server} with a port of its own. What was committed survives
 * {@link Server.kill}; a node that restarts catches up with the others before it counts as ready.
 * @throws {ServerUnavailableError} MariaDB, Galera or rsync is not installed
 */
export async function startGalera(): Promise<Cluster> {
  if (spawnSync("rsync", ["--version"], { stdio: "ignore" }).status !== 0) {
    throw new ServerUnavailableError("rsync is not installed", "Debian, as root: npm run servers:install");
  }
  const all = [await ports(), await ports(), await ports()];
  const nodes: Server[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    // One after the other: each joins those that are there.
    for (const [index, own] of all.entries()) {
      const settings = { ...COMMON };
      nodes.push(await startMariadb({ durable: true, settings }, memberOf(own, all, index === 0)));
    }
    return { nodes, whole: () => untilWhole(nodes), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
