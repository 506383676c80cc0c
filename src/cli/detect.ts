import type { MigrationTool } from "../migrations/generate.js";
import type { Engine } from "../migrations/index.js";
import { typeormEngines } from "./lint/engines.js";
import { readProject } from "./lint/files.js";
import { parsePrismaSchema } from "./lint/schema.js";
import { SourceFile } from "./lint/source.js";
import { readManifest } from "./project.js";

/** A way to the database that a project has. */
export interface FoundTool {
  readonly tool: MigrationTool;
  /** Undefined where the project does not say. */
  readonly engine: Engine | undefined;
  /** What says so, for people. */
  readonly because: string;
  /** Where the tool's migrations are. */
  readonly folder: string;
}

const PRISMA_ENGINES: Readonly<Record<string, Engine>> = {
  postgresql: "postgres",
  postgres: "postgres",
  mysql: "mysql",
  sqlite: "sqlite",
};

const TYPEORM_ENGINES: Readonly<Record<string, Engine>> = {
  postgres: "postgres",
  mysql: "mysql",
  mariadb: "mariadb",
  sqlite: "sqlite",
  "better-sqlite3": "sqlite",
  sqljs: "sqlite",
};

/** Drivers that are used without an ORM. */
const DRIVERS: Readonly<Record<string, Engine>> = {
  pg: "postgres",
  mysql2: "mysql",
  mariadb: "mariadb",
  "better-sqlite3": "sqlite",
};

/** How a project reaches its database: by Prisma, by TypeORM, or, where it uses neither, by a driver. */
export async function detect(cwd: string): Promise<readonly FoundTool[]> {
  const files = await readProject(cwd, {});
  const prisma = files.flatMap(({ path, text }) => {
    if (!path.endsWith(".prisma")) return [];
    const engine = PRISMA_ENGINES[parsePrismaSchema(text).provider ?? ""];
    return engine === undefined ? [] : [found("prisma", engine, path, `${folderOf(path)}migrations`)];
  });
  const typeorm = files.flatMap(({ path, text }) => {
    if (path.endsWith(".prisma") || !text.includes("type")) return [];
    const [engine] = enginesIn(path, text).flatMap((name) => TYPEORM_ENGINES[name] ?? []);
    return engine === undefined ? [] : [found("typeorm", engine, path, `${folderOf(path)}migrations`)];
  });
  const tools = [...prisma.slice(0, 1), ...typeorm.slice(0, 1)];
  if (tools.length > 0) return tools;
  const { dependencies, devDependencies } = readManifest(cwd) ?? {};
  const packages = { ...devDependencies, ...dependencies };
  const orm = (["typeorm", "prisma"] as const).find((name) => name in packages);
  if (orm !== undefined) {
    return [found(orm, undefined, "package.json", orm === "prisma" ? "prisma/migrations" : "src/migrations")];
  }
  const drivers = Object.entries(DRIVERS).filter(([name]) => name in packages);
  return drivers.slice(0, 1).map(([, engine]) => found("sql", engine, "package.json", "migrations"));
}

/** None where the file cannot be read as TypeScript. */
function enginesIn(path: string, text: string): string[] {
  const source = SourceFile.parse(path, text);
  return source instanceof SourceFile ? typeormEngines(source) : [];
}

function found(tool: MigrationTool, engine: Engine | undefined, because: string, folder: string): FoundTool {
  return { tool, engine, because, folder };
}

/** With its slash, or nothing. */
function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}
