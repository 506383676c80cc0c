import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CliError, EXIT } from "../exit.js";

/**
 * Loads the first of some packages that is there: the project's own, since a driver is no dependency of opledger and
 * `npx` may have put opledger elsewhere, or else the one beside opledger.
 *
 * @throws {CliError} none of them is installed
 */
export async function loadDriver(names: readonly string[], cwd: string): Promise<LoadedDriver> {
  for (const name of names) {
    const module =
      (await loadFrom(join(cwd, "package.json"), name)) ?? (await loadFrom(import.meta.url, name));
    if (module !== undefined) return { name, module };
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
  return import(file.startsWith("node:") ? file : pathToFileURL(file).href);
}
