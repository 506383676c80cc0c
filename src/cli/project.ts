import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What of a project's package.json is looked at. */
export interface Manifest {
  readonly type?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** The project's package.json; undefined where there is none. */
export function readManifest(cwd: string): Manifest | undefined {
  const file = join(cwd, "package.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Manifest) : undefined;
}

export function moduleKind(cwd: string): "esm" | "cjs" {
  return readManifest(cwd)?.type === "module" ? "esm" : "cjs";
}
