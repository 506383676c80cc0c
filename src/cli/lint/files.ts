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

const CODE = /\.(?:[cm]?[jt]sx?|prisma)$/;

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
 * @param paths files, folders and globs that are looked at in place of what the configuration includes, which is then read for
 *   what it says of the schema, entities and callers
 * @throws {TypeError} there is nothing of that name
 */
export async function readProject(
  cwd: string,
  config: LintConfig,
  paths: readonly string[] = [],
): Promise<ProjectFile[]> {
  const exclude = [...(config.exclude ?? [])];
  const all = await found(cwd, config.include ?? DEFAULT_INCLUDE, [...DEFAULT_EXCLUDE, ...exclude]);
  if (paths.length === 0) return all.map((path) => read(cwd, path));
  const excluded = new Set(await found(cwd, exclude, []));
  const named = new Set((await Promise.all(paths.map((path) => namedBy(cwd, path)))).flat());
  const wanted = [...named].filter((path) => !excluded.has(path)).sort();
  const beside = all.filter((path) => !named.has(path)).map((path) => ({ ...read(cwd, path), beside: true }));
  return [...wanted.map((path) => read(cwd, path)), ...beside];
}

function read(cwd: string, path: string): ProjectFile {
  return { path, text: readFileSync(join(cwd, path), "utf8") };
}

/** In order, by their paths from the project. */
async function found(cwd: string, include: readonly string[], ignore: readonly string[]): Promise<string[]> {
  if (include.length === 0) return [];
  const options = { cwd, ignore: [...ignore], expandDirectories: false };
  const files = await glob([...include], options);
  return files
    .filter((path) => statSync(join(cwd, path)).size <= FILE_BYTES_MAX)
    .map((path) => path.replaceAll("\\", "/"))
    .sort();
}

/** What stands below a folder that is named is left out by what is below it alone: whoever names `dist` means it. */
async function namedBy(cwd: string, path: string): Promise<string[]> {
  if (/[*?{[]/.test(path))
    return (await found(cwd, [path], DEFAULT_EXCLUDE)).filter((file) => CODE.test(file));
  const full = resolve(cwd, path);
  if (!existsSync(full)) throw new TypeError(`there is no file or folder ${path}`);
  const from = relative(cwd, full).replaceAll("\\", "/");
  if (!statSync(full).isDirectory()) return [from];
  const files = await found(full, DEFAULT_INCLUDE, DEFAULT_EXCLUDE);
  return files.map((file) => (from === "" ? file : `${from}/${file}`));
}
