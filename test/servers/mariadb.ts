import { existsSync } from "node:fs";
import { type Member, startFlavour } from "./mysql-family.js";
import { unprivilegedUser } from "./system.js";
import { type Server, ServerUnavailableError, type StartOptions } from "./types.js";

function find(program: string): string | undefined {
  return ["/usr/sbin", "/usr/bin", "/opt/homebrew/opt/mariadb/bin", "/usr/local/opt/mariadb/bin"]
    .map((folder) => `${folder}/${program}`)
    .find(existsSync);
}

/**
 * A private MariaDB out of the system's packages, with `root` and no password; one node of a cluster where `member` is given.
 * @throws {ServerUnavailableError} MariaDB is not installed
 */
export async function startMariadb(options: StartOptions = {}, member?: Member): Promise<Server> {
  const command = find("mariadbd");
  const installer = find("mariadb-install-db");
  if (command === undefined || installer === undefined) {
    throw new ServerUnavailableError(
      "MariaDB is not installed",
      "install mariadb-server (Debian, as root: npm run servers:install), or set TEST_MARIADB_URL",
    );
  }
  return startFlavour(
    {
      engine: "mariadb",
      user: unprivilegedUser("mysql"),
      command,
      initialize: {
        command: installer,
        // "normal": root has an empty password instead of being bound to the operating system's root.
        parameters: ["--auth-root-authentication-method=normal", "--skip-test-db"],
      },
      places: [],
      settings: { "innodb-log-file-size": "32M" },
      ...(member !== undefined && { member }),
    },
    options,
  );
}
