import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CliError, EXIT } from "../exit.js";

/**
 * Loads the first of some packages that is there: one of the project's own, since a driver is no dependency of opledger and
 * `npx` may have put opledger elsewhere, or else one beside opledger.
 *
 * @throws {CliError} none of them is installed
 */
export async function loadDriver(names: readonly string[], cwd: string): Promise<LoadedDriver> {
  for (const base of [join(cwd, "package.json"), import.meta.url]) {
    for (const name of names) {
      const module = await loadFrom(base, name);
      if (module !== undefined) return { name, module };
    }
  }
  throw new CliError(
    EXIT.unreachable,
    `This needs the database driver ${names.join(" or ")}, which is not installed.`,
    {
      hint: `npm install ${names[0]}`,
    },
  );
}

export interface LoadedDriver {
  readonly name: string;
  /** The package's exports; CommonJS ones lie under `default`. */
  readonly module: Readonly<Record<string, unknown>>;
}

async function loadFrom(base: string, name: string): Promise<LoadedDriver["module"] | undefined> {
  let file: string;
  try {
    file = createRequire(base).resolve(name);
  } catch {
    return undefined;
  }
  return file.startsWith("node:") ? quietly(() => import(file)) : import(pathToFileURL(file).href);
}

/** Node says of its SQLite that it is experimental, which nobody at the command line can do anything about. */
async function quietly<T>(load: () => Promise<T>): Promise<T> {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return await load();
  } finally {
    process.emitWarning = emitWarning;
  }
}
