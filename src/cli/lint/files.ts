import { existsSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { glob } from "tinyglobby";
import type { ProjectFile, RuleLevels } from "./lint.js";

/** What `opledger.lint` in package.json, or the file of `--config`, may say. */
export interface LintConfig {
  /** Globs of what is looked at, from the project's folder. */
  readonly include?: readonly string[];
  /** Globs of what is left out, beside the default ones. */
  readonly exclude?: readonly string[];
  readonly rules?: RuleLevels;
}

const EXTENSIONS = "{ts,tsx,mts,cts,js,jsx,mjs,cjs,prisma}";

const DEFAULT_INCLUDE: readonly string[] = [`**/*.${EXTENSIONS}`];

/** What is not written by hand, tests, and what is run once by hand. */
const DEFAULT_EXCLUDE: readonly string[] = [
  ...["**/node_modules/**", "**/.*/**", "**/{dist,build,out,coverage,generated}/**", "**/*.d.{ts,mts,cts}"],
  ...["**/*.min.js", "**/*.{test,spec,e2e-spec}.*", "**/{test,tests,__tests__,__mocks__,e2e,fixtures}/**"],
  ...["**/seed*.*", "**/{seed,seeds,seeders,migrations}/**"],
];

/** Larger files are bundles. */
const FILE_BYTES_MAX = 1_000_000;

/** @throws {TypeError} it is not JSON, or says what there is no meaning for */
export function readConfig(cwd: string, file: string | undefined): LintConfig {
  if (file !== undefined) return checkedConfig(JSON.parse(readFileSync(resolve(cwd, file), "utf8")), file);
  const path = join(cwd, "package.json");
  if (!existsSync(path)) return {};
  const manifest: unknown = JSON.parse(readFileSync(path, "utf8"));
  const own = (manifest as { opledger?: { lint?: unknown } } | null)?.opledger?.lint;
  return own === undefined ? {} : checkedConfig(own, "package.json");
}

function checkedConfig(given: unknown, where: string): LintConfig {
  const fail = (what: string): never => {
    throw new TypeError(`${where}: ${what}`);
  };
  if (typeof given !== "object" || given === null) return fail("the lint configuration must be an object");
  for (const [name, value] of Object.entries(given)) {
    if (name === "rules") {
      if (typeof value !== "object" || value === null) fail("`rules` must be an object of rule and level");
    } else if (name !== "include" && name !== "exclude") fail(`there is no option \`${name}\``);
    else if (!Array.isArray(value) || !value.every((each) => typeof each === "string")) {
      fail(`\`${name}\` must be a list of globs`);
    }
  }
  return given;
}

/**
 * Reads what a configuration asks for.
 *
 * @param paths files and folders in place of what the configuration includes
 */
export async function readProject(
  cwd: string,
  config: LintConfig,
  paths: readonly string[] = [],
): Promise<ProjectFile[]> {
  const include =
    paths.length === 0 ? (config.include ?? DEFAULT_INCLUDE) : paths.map((path) => globOf(cwd, path));
  const found = await glob([...include], {
    cwd,
    ignore: [...DEFAULT_EXCLUDE, ...(config.exclude ?? [])],
    expandDirectories: false,
  });
  return found
    .sort()
    .filter((path) => statSync(join(cwd, path)).size <= FILE_BYTES_MAX)
    .map((path) => ({ path: path.replaceAll("\\", "/"), text: readFileSync(join(cwd, path), "utf8") }));
}

/** @throws {TypeError} there is nothing of that name */
function globOf(cwd: string, path: string): string {
  const full = resolve(cwd, path);
  if (/[*?{[]/.test(path)) return path;
  if (!existsSync(full)) throw new TypeError(`there is no file or folder ${path}`);
  const from = relative(cwd, full).replaceAll("\\", "/");
  if (!statSync(full).isDirectory()) return from;
  return from === "" ? `**/*.${EXTENSIONS}` : `${from}/**/*.${EXTENSIONS}`;
}
