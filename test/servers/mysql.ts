import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { startFlavour } from "./mysql-family.js";
import { reachableFolder, type User, unprivilegedUser } from "./system.js";
import { type Server, ServerUnavailableError, type StartOptions } from "./types.js";

/** Where install-mysql.sh puts the server: `$OPLEDGER_CACHE/mysql`, by default `~/.cache/opledger/mysql`. */
export function mysqlFolder(): string {
  return join(process.env.OPLEDGER_CACHE ?? join(homedir(), ".cache", "opledger"), "mysql");
}

interface Found {
  readonly command: string;
  readonly places: readonly string[];
}

function cached(user: User | undefined): Found | undefined {
  if (!existsSync(join(mysqlFolder(), "version"))) return undefined;
  const folder = reachableFolder(mysqlFolder(), "mysqld", user);
  const usr = join(folder, "root", "usr");
  return {
    command: join(folder, "mysqld"),
    places: [
      `--basedir=${usr}`,
      `--lc-messages-dir=${join(usr, "share", "mysql")}`,
      `--character-sets-dir=${join(usr, "share", "mysql", "charsets")}`,
      `--plugin-dir=${join(usr, "lib", "mysql", "plugin")}`,
    ],
  };
}

function installed(): Found | undefined {
  const command = [
    "/usr/sbin/mysqld",
    "/opt/homebrew/opt/mysql/bin/mysqld",
    "/usr/local/opt/mysql/bin/mysqld",
  ]
    .filter(existsSync)
    // MariaDB's packages install a mysqld too, which is MariaDB.
    .find((path) => !/mariadb/i.test(spawnSync(path, ["--version"], { encoding: "utf8" }).stdout ?? ""));
  return command === undefined ? undefined : { command, places: [] };
}

/**
 * A private MySQL, out of the cache folder before an installed one, with `root` and no password.
 * @throws {ServerUnavailableError} this machine has neither
 */
export async function startMysql(options: StartOptions = {}): Promise<Server> {
  const user = unprivilegedUser("mysql");
  const found = cached(user) ?? installed();
  if (found === undefined) {
    throw new ServerUnavailableError(
      `MySQL is neither in ${mysqlFolder()} nor installed`,
      "run npm run servers:install (Debian), or set TEST_MYSQL_URL",
    );
  }
  return startFlavour(
    {
      engine: "mysql",
      user,
      ...found,
      initialize: { command: found.command, parameters: ["--initialize-insecure"] },
      settings: {
        "innodb-redo-log-capacity": "64M",
        // Saves 200 MB of memory and half of the start.
        "performance-schema": "OFF",
        // The X protocol would want a second port.
        mysqlx: "OFF",
      },
    },
    options,
  );
}
