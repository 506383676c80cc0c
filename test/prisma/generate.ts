/**
 * npm run generate: the clients and the metadata of every schema here, into prisma/generated. What is up to date is left as it is.
 *
 * `prisma generate` runs as a user runs it, with this package's command on the PATH. It never runs the schema engine, yet will not
 * start without one, and cannot download it everywhere: any file in its place will do.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CACHE = join(ROOT, ".cache/prisma");
const GENERATOR = join(ROOT, "src/adapters/prisma/generator");
/** By the folder in prisma/generated. */
const SCHEMAS = {
  postgresql: "prisma/schema.prisma",
  mysql: "prisma/mysql.prisma",
  sqlite: "prisma/sqlite.prisma",
  bench: "bench/schema.prisma",
};

/**
 * Runs `prisma generate` on one schema.
 *
 * @throws {Error} what Prisma, or the generator through it, says
 */
export async function prismaGenerate(schema: string): Promise<string> {
  const run = promisify(execFile);
  const prisma = join(ROOT, "node_modules/prisma/build/index.js");
  const PATH = [commandFolder(), process.env.PATH].join(delimiter);
  const env = {
    ...process.env,
    PATH,
    PRISMA_SCHEMA_ENGINE_BINARY: "/bin/false",
    CHECKPOINT_DISABLE: "1",
    NO_COLOR: "1",
  };
  try {
    const { stdout } = await run(process.execPath, [prisma, "generate", "--schema", schema], {
      env,
      cwd: ROOT,
    });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${stdout}${stderr}`, { cause: error });
  }
}

/** A folder with a command `opledger` in it, as npm makes one of the package's `bin`, straight from the sources. */
function commandFolder(): string {
  const folder = join(CACHE, "bin");
  mkdirSync(folder, { recursive: true });
  const tsx = pathToFileURL(join(ROOT, "node_modules/tsx/dist/esm/index.mjs"));
  const script = `#!/bin/sh\nexec "${process.execPath}" --import "${tsx}" "${ROOT}src/cli/main.ts" "$@"\n`;
  writeFileSync(join(folder, "opledger"), script, { mode: 0o755 });
  return folder;
}

function fingerprintOf(schema: string): string {
  const sources = readdirSync(GENERATOR, { recursive: true, encoding: "utf8" }).sort();
  const manifest = join(ROOT, "node_modules/prisma/package.json");
  const files = [schema, manifest, ...sources.map((name) => join(GENERATOR, name))];
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex");
}

export async function generateAll(): Promise<void> {
  for (const [folder, name] of Object.entries(SCHEMAS)) {
    const schema = join(ROOT, name);
    const output = join(ROOT, "prisma/generated", folder);
    const mark = join(output, "fingerprint");
    const fingerprint = fingerprintOf(schema);
    if (existsSync(mark) && readFileSync(mark, "utf8") === fingerprint) continue;
    await prismaGenerate(schema);
    writeFileSync(mark, fingerprint);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await generateAll();
