import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));
const CACHE = join(ROOT, ".cache");
const TSC = join(ROOT, "node_modules/.bin/tsc");

/** A fenced block of a document. */
export interface Block {
  readonly file: string;
  /** The line of the document that holds the block's first line. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** Code that the reader does not see: what stands in `<!-- compile-with: … -->` right above the block. */
  readonly preamble: string;
}

/** README.md, CONTRIBUTING.md and every document under `docs` and `examples`, as far as they are there. */
export function documents(): string[] {
  const under = (folder: string): string[] =>
    existsSync(join(ROOT, folder))
      ? readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map(
          (name) => `${folder}/${name}`,
        )
      : [];
  const markdown = under("docs").filter((name) => name.endsWith(".md"));
  const examples = under("examples").filter((name) => name.endsWith("/README.md"));
  const top = ["README.md", "CONTRIBUTING.md"].filter((name) => existsSync(join(ROOT, name)));
  return [...top, ...markdown, ...examples].filter((name) => !name.includes("node_modules/")).sort();
}

const FENCE =
  /(?:<!-- compile-with:([\s\S]*?)-->\s*?\n)?^( *)(`{3,}|~{3,})([\w-]*)[^\n]*\n([\s\S]*?)^ *\3 *$/gm;

/**
 * The fenced blocks of a document. A block of TypeScript is a module of its own; what it needs and the reader need not
 * see goes into a comment right above it: `<!-- compile-with: declare const pool: import("pg").Pool; -->`.
 */
export function blocksOf(file: string, markdown: string): Block[] {
  return [...markdown.matchAll(FENCE)].map((match) => {
    const [whole, preamble = "", indent = "", , language = "", text = ""] = match;
    const before = markdown.slice(0, match.index + whole.lastIndexOf(text === "" ? "\n" : text));
    const unindented = indent === "" ? text : text.replaceAll(new RegExp(`^${indent}`, "gm"), "");
    return { file, line: before.split("\n").length, language, text: unindented, preamble: preamble.trim() };
  });
}

export function allBlocks(): Block[] {
  return documents().flatMap((file) => blocksOf(file, readFileSync(join(ROOT, file), "utf8")));
}

/** What is not checked of a block, beside the package's own settings: examples name what they then do not use. */
const SETTINGS = {
  extends: "../../../tsconfig.json",
  compilerOptions: { noUnusedLocals: false, noUnusedParameters: false, noEmit: true, rootDir: "../../.." },
  include: ["*.ts"],
};

/** What a user's own project has, as the documents import it. */
const GENERATED: Readonly<Record<string, string>> = {
  "client/client.ts": 'export * from "../../../../../prisma/generated/postgresql/client/client.js";',
  "opledger/metadata.ts": 'export * from "../../../../../prisma/generated/postgresql/opledger/metadata.js";',
  "extended.ts": `import { opledger } from "opledger/prisma";
import { PrismaClient } from "./client/client.js";
import { metadata } from "./opledger/metadata.js";
export const prisma = new PrismaClient({} as never).$extends(opledger({ metadata }));`,
};

/**
 * Compiles every block of TypeScript as a module that imports the built package.
 *
 * @returns the compiler's messages, each with the document and line it is about; none where all compile
 */
export async function compileBlocks(blocks: readonly Block[]): Promise<string[]> {
  mkdirSync(join(CACHE, "blocks"), { recursive: true });
  const folder = mkdtempSync(join(CACHE, "blocks", "run-"));
  try {
    const sources = new Map(blocks.map((block, index) => [`block-${index}.ts`, block]));
    for (const [name, { preamble, text }] of sources) {
      writeFileSync(join(folder, name), `${preamble.replaceAll("\n", " ")}\n${text}\nexport {};\n`);
    }
    for (const [name, text] of Object.entries(GENERATED)) {
      mkdirSync(dirname(join(folder, "generated", name)), { recursive: true });
      writeFileSync(join(folder, "generated", name), text);
    }
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(SETTINGS));
    return await messages(folder, sources);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function messages(folder: string, sources: ReadonlyMap<string, Block>): Promise<string[]> {
  const { code, output } = await run(TSC, ["-p", "tsconfig.json", "--pretty", "false"], folder);
  if (code === 0) return [];
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((message) =>
      message.replace(/^(block-\d+\.ts)\((\d+),\d+\)/, (place: string, name: string, line: string) => {
        const block = sources.get(name);
        return block === undefined ? place : `${block.file}:${block.line + Number(line) - 2}`;
      }),
    );
}

/** Builds the package where it was not built. */
export async function ensureBuilt(): Promise<void> {
  if (existsSync(join(ROOT, "dist/index.d.ts"))) return;
  const { code, output } = await run("npm", ["run", "build"], ROOT);
  if (code !== 0) throw new Error(`the package does not build:\n${output}`);
}

function run(
  tool: string,
  args: readonly string[],
  cwd: string,
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(tool, args, { cwd }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : 1, output: stdout + stderr }),
    );
  });
}
