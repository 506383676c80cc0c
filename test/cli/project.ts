import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestDatabase } from "./database.js";
import { type Ran, run } from "./run.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A folder with files, below this repository so that its packages are found. */
export interface Project {
  readonly folder: string;
  write(path: string, text: string): void;
  read(path: string): string;
  /** Every file, by its path from the project, in order. */
  files(): string[];
  remove(): void;
}

export function newProject(files: Readonly<Record<string, string>> = {}): Project {
  const parent = join(ROOT, ".cache");
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "project-"));
  const project: Project = {
    folder,
    write: (path, text) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    },
    read: (path) => readFileSync(join(folder, path), "utf8"),
    files: () =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
        .sort(),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
  for (const [path, text] of Object.entries(files)) project.write(path, text);
  return project;
}

/** Runs an SQL file with the engine's own client, as a person would; SQLite's is not everywhere, so its driver does. */
export async function applyByClient(database: TestDatabase, sql: string): Promise<Ran> {
  const { hostname, port, username, pathname } = new URL(database.url);
  switch (database.engine) {
    case "postgres":
      return run("psql", ["-v", "ON_ERROR_STOP=1", "-q", database.url], { input: sql });
    case "sqlite":
      try {
        await database.script(sql);
        return { exitCode: 0, stdout: "", stderr: "" };
      } catch (error) {
        return { exitCode: 1, stdout: "", stderr: String(error) };
      }
    default: {
      const place = ["--no-defaults", "-h", hostname, "-P", port, "-u", username, pathname.slice(1)];
      return run("mysql", place, { input: sql });
    }
  }
}

const DRIVER = { postgres: "postgres", mysql: "mysql", mariadb: "mariadb", sqlite: "sqljs" } as const;

/** A data source for TypeORM's own command line. */
export function dataSource({ engine, url }: TestDatabase): string {
  const place = engine === "sqlite" ? { location: url.slice("file:".length), autoSave: true } : { url };
  return `import { DataSource } from "typeorm";
export default new DataSource(${JSON.stringify({ type: DRIVER[engine], ...place, migrations: ["src/migrations/*.js"] })});
`;
}

export function typeorm(project: Project, args: readonly string[]): Promise<Ran> {
  const cli = join(ROOT, "node_modules/typeorm/cli.js");
  return run(process.execPath, [cli, ...args, "-d", "data-source.js"], { cwd: project.folder });
}
