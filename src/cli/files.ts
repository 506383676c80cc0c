import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { GeneratedFile } from "../migrations/generate.js";
import { CliError, EXIT } from "./exit.js";

/** Larger files are no migrations. */
const TEXT_BYTES_MAX = 4 * 1024 * 1024;
const FOLDER_DEPTH_MAX = 3;
const MIGRATION = /\.(?:sql|[cm]?[jt]s)$/;

/** What the migrations below a folder say; none where there is no such folder. */
export function migrationTexts(folder: string, depth: number = FOLDER_DEPTH_MAX): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return depth > 0 && entry.name !== "node_modules" ? migrationTexts(path, depth - 1) : [];
    if (!entry.isFile() || !MIGRATION.test(entry.name)) return [];
    const text = readFileSync(path, "utf8");
    return text.length > TEXT_BYTES_MAX ? [] : [text];
  });
}

/**
 * Writes files that are not there yet.
 *
 * @returns their paths, as seen from `cwd`
 * @throws {CliError} one of them is there; none was written
 */
export function writeNew(files: readonly GeneratedFile[], folder: string, cwd: string): string[] {
  const standing = files.find(({ path }) => existsSync(resolve(cwd, folder, path)));
  if (standing !== undefined) {
    throw new CliError(
      EXIT.failed,
      `There is a file ${join(folder, standing.path)} already. Nothing was written.`,
      {
        hint: "files are named after the second they are made in: run it again",
      },
    );
  }
  return files.map(({ path, text }) => {
    const file = resolve(cwd, folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { flag: "wx" });
    return relative(cwd, file);
  });
}
