import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mysqlFolder } from "./mysql.js";

// npm run servers:install: everything that a full test run wants on a Debian machine. Safe to run again.

const PACKAGES = {
  "mariadb-server": "tests on MariaDB",
  "postgresql-15": "tests on PostgreSQL 15 (17 and 18 come with npm)",
  "galera-4": "tests on a Galera cluster",
  rsync: "tests on a Galera cluster",
  pgbouncer: "tests behind a connection pooler",
} as const;

/** Their services would start at once: the tests run servers of their own. */
const UNITS = ["mariadb.service", "postgresql.service", "pgbouncer.service"];

const there: string[] = [];
const added: string[] = [];
const leftOut: string[] = [];
let failed = false;

function succeeds(command: string, ...parameters: string[]): boolean {
  return spawnSync(command, parameters, { stdio: "ignore" }).status === 0;
}

function isInstalled(name: string): boolean {
  // A package that was removed is still known, with another status.
  const { stdout } = spawnSync("dpkg", ["--status", name], { encoding: "utf8" });
  return /^Status: \w+ ok installed$/m.test(stdout ?? "");
}

function hasCandidate(name: string): boolean {
  const { stdout } = spawnSync("apt-cache", ["policy", name], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  });
  return /Candidate: (?!\(none\))/.test(stdout ?? "");
}

/** Runs apt-get with its output shown. Services stay stopped, without a policy-rc.d that would outlive us. */
function apt(...parameters: string[]): boolean {
  console.log(`> apt-get ${parameters.join(" ")}`);
  // SysV scripts are held back by the run level, systemd's units by a mask that is gone at the next boot anyway.
  const env = { ...process.env, RUNLEVEL: "1", DEBIAN_FRONTEND: "noninteractive" };
  const masked = existsSync("/run/systemd/system") && parameters.includes("install") ? UNITS : [];
  const lacking = masked.filter((unit) => !succeeds("systemctl", "cat", unit));
  if (lacking.length > 0) succeeds("systemctl", "mask", "--runtime", ...lacking);
  const result = spawnSync("apt-get", parameters, { stdio: ["ignore", "inherit", "inherit"], env });
  if (lacking.length > 0) succeeds("systemctl", "unmask", "--runtime", ...lacking);
  return result.status === 0;
}

function installPackages(): void {
  const names = Object.keys(PACKAGES) as (keyof typeof PACKAGES)[];
  const lacking = names.filter((name) => !isInstalled(name));
  there.push(...names.filter((name) => !lacking.includes(name)));
  if (lacking.length === 0) return;
  if (process.getuid?.() !== 0) {
    const command = `sudo apt-get install ${lacking.join(" ")}`;
    leftOut.push(...lacking.map((name) => `${name} (${PACKAGES[name]}): not root. To add it: ${command}`));
    return;
  }
  // One unreachable third-party repository fails the update, and need not concern what is wanted here.
  if (!apt("update", "-qq")) console.log("apt-get update had errors; going on with the lists it has");
  const available = lacking.filter(hasCandidate);
  for (const name of lacking.filter((each) => !available.includes(each))) {
    leftOut.push(
      `${name} (${PACKAGES[name]}): this release has no such package. To add it: another repository`,
    );
  }
  if (available.length === 0) return;
  if (apt("install", "-y", "-qq", "--no-install-recommends", ...available)) {
    added.push(...available);
  } else {
    failed = true;
    leftOut.push(`${available.join(", ")}: apt-get failed, see above. To add it: run this again`);
  }
}

function installMysql(): void {
  const folder = mysqlFolder();
  const version = (): string => `MySQL ${readFileSync(join(folder, "version"), "utf8").trim()} in ${folder}`;
  if (existsSync(join(folder, "version"))) {
    there.push(version());
    return;
  }
  const script = join(import.meta.dirname, "install-mysql.sh");
  const result = spawnSync("bash", [script, folder], { stdio: ["ignore", "inherit", "inherit"] });
  if (result.status === 0) {
    added.push(version());
  } else {
    failed = true;
    leftOut.push("MySQL: the download failed, see above. To add it: run this again, or set TEST_MYSQL_URL");
  }
}

/** `debian`, `ubuntu`, `darwin`, ... */
function distribution(): string {
  if (process.platform !== "linux" || !existsSync("/etc/os-release")) return process.platform;
  return /^ID="?([a-z0-9._-]+)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "linux";
}

const system = distribution();
if (system === "debian") {
  installPackages();
  installMysql();
} else {
  leftOut.push(
    ...Object.entries(PACKAGES).map(
      ([name, use]) => `${name} (${use}): this is ${system}, not Debian. To add it: your own package manager`,
    ),
    "MySQL: fetched on Debian only. To add it: install it, or set TEST_MYSQL_URL to a container's",
  );
}

const section = (title: string, lines: readonly string[]): void => {
  if (lines.length > 0) console.log(`${title}\n${lines.map((text) => `  ${text}`).join("\n")}`);
};
section("Already there:", there);
section("Added:", added);
section(`${"!".repeat(72)}\nLEFT OUT (tests that need it are skipped):`, leftOut);
// The tests run on what there is, so only somebody who requires all of it has to stop here.
process.exitCode = failed && process.env.OPLEDGER_REQUIRE !== undefined ? 1 : 0;
