import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Option } from "commander";
import { createTwoFilesPatch } from "diff";
import {
  type GeneratedFile,
  generatedLedger,
  generateMigrations,
  type MigrationTool,
} from "../../migrations/generate.js";
import type { Engine } from "../../migrations/index.js";
import { ask } from "../ask.js";
import { type CliCommand, defineCommand, type Report } from "../command.js";
import { detect, type FoundTool } from "../detect.js";
import { CliError, EXIT } from "../exit.js";
import { migrationTexts, writeNew } from "../files.js";
import type { Io, Style } from "../io.js";
import { askEngine } from "./init-engine.js";
import { ledgerModel, NEXT_STEPS, type NextSteps } from "./init-snippets.js";
import { languageOf } from "./migration-create.js";

interface InitFlags {
  readonly for?: MigrationTool;
  readonly engine?: Engine;
  readonly url?: string;
  readonly out?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export const init: CliCommand = defineCommand<InitFlags>({
  path: "init",
  summary: "adopt opledger in this project",
  details: `
Looks at package.json, the Prisma schema and the TypeORM data source, writes the ledger's migration for the tool that it
finds, and prints the code to add. Nothing is overwritten, and a second run writes nothing. Asks first on a terminal.

MySQL and MariaDB look the same in a Prisma schema and in package.json: where a URL is at hand, the server is asked.`,
  examples: [
    ["opledger init", "look, ask, write"],
    ["opledger init --dry-run", "show what would be written, as a diff"],
    ["opledger init --for typeorm --engine mariadb --yes", "where the project does not say, or says several"],
  ],
  shape: (command) =>
    command
      .addOption(new Option("--for <tool>", "what runs the migration").choices(["prisma", "typeorm", "sql"]))
      .addOption(
        new Option("--engine <engine>", "the database").choices(["postgres", "mysql", "mariadb", "sqlite"]),
      )
      .option("--url <url>", "the database, to tell MariaDB from MySQL (default: DATABASE_URL)")
      .option("--out <folder>", "where the migration goes (default: where the tool's others are)")
      .option("--dry-run", "show a diff, and write nothing")
      .option("--yes", "do not ask"),
  run: async ({ options, io }) => {
    const found = choose(await detect(io.cwd), options);
    const texts = migrationTexts(resolve(io.cwd, found.folder));
    const known =
      options.engine === undefined ? await askEngine(found.engine, texts, options.url, io) : found;
    const chosen = { ...found, ...known };
    const { tool, engine, folder } = chosen;
    const ledger = generatedLedger(texts, { engine });
    const language = languageOf({ for: tool, engine }, io.cwd);
    const { version: from = 0, partitions = false } = ledger ?? {};
    const files = generateMigrations({ tool, engine, from, partitions, language, at: new Date() });
    const steps: NextSteps = { ...NEXT_STEPS[tool](engine), model: missingModel(chosen, io.cwd) };
    if (files.length > 0 && options.dryRun !== true) await agreed(io, options, files, chosen);
    const written = options.dryRun === true ? [] : writeNew(files, folder, io.cwd);
    return report({ chosen, files, written, steps, dryRun: options.dryRun === true });
  },
});

/** A way to the database, with nothing left open. */
interface Chosen extends FoundTool {
  readonly engine: Engine;
  readonly asked?: boolean;
  readonly note?: string;
}

/** @throws {CliError} the project says nothing, or too much */
function choose(found: readonly FoundTool[], flags: InitFlags): Chosen {
  const wanted = found.filter(({ tool }) => flags.for === undefined || tool === flags.for);
  const [first] = wanted;
  const hint = "name it: --for prisma|typeorm|sql --engine postgres|mysql|mariadb|sqlite";
  if (wanted.length > 1) {
    const said = wanted.map(({ tool, because }) => `${tool} (${because})`).join(" and ");
    throw new CliError(EXIT.usage, `This project uses ${said}. Nothing was written.`, { hint });
  }
  const tool = flags.for ?? first?.tool;
  const engine = flags.engine ?? first?.engine;
  if (tool === undefined || engine === undefined) {
    const what =
      tool === undefined
        ? "a Prisma schema, a TypeORM data source or a driver"
        : `which database ${tool} is for`;
    throw new CliError(EXIT.usage, `Did not find ${what}. Nothing was written.`, { hint });
  }
  const folder =
    flags.out ??
    first?.folder ??
    (tool === "sql" ? "migrations" : tool === "prisma" ? "prisma/migrations" : "src/migrations");
  return { tool, engine, because: first?.because ?? "as you say", folder };
}

/** The model that Prisma must know of, unless the schema has it: it would drop a table that it does not know. */
function missingModel({ tool, engine, because }: Chosen, cwd: string): string | undefined {
  if (tool !== "prisma") return undefined;
  const schema = join(cwd, because);
  const known = existsSync(schema) && /@@map\("opledger_operations"\)/.test(readFileSync(schema, "utf8"));
  return known ? undefined : ledgerModel(engine);
}

async function agreed(
  io: Io,
  flags: InitFlags,
  files: readonly GeneratedFile[],
  chosen: Chosen,
): Promise<void> {
  if (flags.yes === true || !io.interactive) return;
  const names = files.map(({ path }) => join(chosen.folder, path)).join(", ");
  await ask(`${foundText(chosen)}. Write ${names}?`, true, "Nothing was written.");
}

function foundText({ tool, engine, because, asked = false }: Chosen): string {
  const known = asked ? `${because}, and the server` : because;
  return `Found ${{ prisma: "Prisma", typeorm: "TypeORM", sql: "no ORM" }[tool]} on ${engine} (${known})`;
}

interface Outcome {
  readonly chosen: Chosen;
  readonly files: readonly GeneratedFile[];
  readonly written: readonly string[];
  readonly steps: NextSteps;
  readonly dryRun: boolean;
}

function report({ chosen, files, written, steps, dryRun }: Outcome): Report {
  const { tool, engine, because, folder, note } = chosen;
  const paths = files.map(({ path }) => join(folder, path));
  return {
    data: {
      found: { tool, engine, because },
      note,
      ...(dryRun ? { wouldWrite: paths } : { written }),
      ...steps,
    },
    text: (style) => {
      const lines = [foundText(chosen), ""];
      if (note !== undefined) lines.push(`${style.yellow("!")} ${note}`, "");
      if (files.length === 0)
        lines.push(`${style.green("✔")} ${folder} has the ledger's migration already; nothing to write`);
      for (const { path, text } of dryRun ? files : []) lines.push(diffOf(join(folder, path), text, style));
      for (const path of written) lines.push(`${style.green("✔")} wrote ${path}`);
      return [...lines, "", ...stepLines(steps, style)].join("\n");
    },
  };
}

function diffOf(path: string, text: string, style: Style): string {
  const patch = createTwoFilesPatch("/dev/null", path, "", text, undefined, undefined, { context: 3 });
  return patch
    .replace(/^=+\n/, "")
    .trimEnd()
    .split("\n")
    .map((line) => (/^\+(?!\+\+)/.test(line) ? style.green(line) : line))
    .join("\n");
}

function stepLines({ model, run, code }: NextSteps, style: Style): string[] {
  const first = model === undefined ? [] : [style.bold("Add to your Prisma schema:"), "", model, ""];
  return [...first, style.bold("Run the migration:"), "", run, "", style.bold("Use it:"), "", code];
}
