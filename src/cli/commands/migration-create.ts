import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import {
  type GeneratedFile,
  generatedLedger,
  generateMigrations,
  type MigrationLanguage,
  type MigrationTool,
} from "../../migrations/generate.js";
import type { Engine } from "../../migrations/index.js";
import { type CliCommand, defineCommand, type Report, wholeNumber } from "../command.js";
import { CliError, EXIT } from "../exit.js";
import { migrationTexts, writeNew } from "../files.js";
import { moduleKind } from "../project.js";

export interface MigrationFlags {
  readonly for: MigrationTool;
  readonly engine: Engine;
  readonly out?: string;
  readonly js?: boolean;
  readonly esm?: boolean;
  readonly cjs?: boolean;
  readonly dryRun?: boolean;
}

interface CreateFlags extends MigrationFlags {
  readonly schema?: string;
  readonly table?: string;
  readonly from?: number;
  readonly partitions?: boolean;
  readonly unlogged?: boolean;
}

export const OUT_DEFAULT: Readonly<Record<MigrationTool, string>> = {
  prisma: "prisma/migrations",
  typeorm: "src/migrations",
  sql: "migrations",
};

/** What to do with what was written. */
const NEXT: Readonly<Record<MigrationTool, string>> = {
  prisma: "npx prisma migrate deploy",
  typeorm: "npx typeorm migration:run -d <data source>",
  sql: "run the .up.sql files in the order of their names",
};

export const migrationCreate: CliCommand = defineCommand<CreateFlags>({
  path: "migration create",
  summary: "write the ledger's schema as a migration of your own tool",
  details: `
Writes only what is missing: where the folder holds migrations of an earlier opledger, the steps since then, and where it
is up to date, nothing. Nothing is ever overwritten.

--unlogged is refused: PostgreSQL empties an unlogged table after a crash, and keeps the effects that it was to protect.`,
  examples: [
    ["opledger migration create --for prisma --engine postgres", "a folder in prisma/migrations"],
    [
      "opledger migration create --for typeorm --engine mysql --out src/db",
      "a class for TypeORM, in TypeScript",
    ],
    ["opledger migration create --for sql --engine postgres --partitions", "plain SQL, in daily partitions"],
  ],
  shape: (command) => {
    migrationOptions(command)
      .option("--schema <name>", "the ledger's schema (default: public, or the connection's database)")
      .option("--table <name>", "the ledger's table (default: opledger_operations)")
      .option("--partitions", "in daily partitions by the operation's id (PostgreSQL)")
      .option("--from <version>", "the ledger's version so far (default: as the folder says)", wholeNumber(0))
      .addOption(new Option("--unlogged", "refused, since it would break every promise").hideHelp());
  },
  run: async ({ options, io }) => {
    if (options.unlogged === true) throw unlogged();
    const folder = options.out ?? OUT_DEFAULT[options.for];
    const known = generatedLedger(migrationTexts(resolve(io.cwd, folder)), options);
    const from = options.from ?? known?.version ?? 0;
    const files = generateMigrations({
      ...options,
      tool: options.for,
      partitions: known?.partitions ?? options.partitions,
      language: languageOf(options, io.cwd),
      from,
      at: new Date(),
    });
    if (files.length === 0) return upToDate(folder, from);
    return written(files, folder, options, io.cwd);
  },
});

/** Options of every command that writes a migration. */
export function migrationOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--for <tool>", "what runs it").choices(["prisma", "typeorm", "sql"]).makeOptionMandatory(),
    )
    .addOption(
      new Option("--engine <engine>", "the database")
        .choices(["postgres", "mysql", "mariadb", "sqlite"])
        .makeOptionMandatory(),
    )
    .option("--out <folder>", "where to (default: prisma/migrations, src/migrations or migrations)")
    .option("--js", "TypeORM: JavaScript (default: where there is no tsconfig.json)")
    .option("--esm", "TypeORM: JavaScript as an ES module (default: as package.json says)")
    .option("--cjs", "TypeORM: JavaScript as CommonJS")
    .option("--dry-run", "print what would be written");
}

/** The JavaScript that TypeORM's migrations of a project are written in. */
export function languageOf({ js, esm, cjs }: MigrationFlags, cwd: string): MigrationLanguage {
  if (esm === true && cjs === true) throw new CliError(EXIT.usage, "--esm and --cjs exclude each other.");
  if (esm === true) return "esm";
  if (cjs === true) return "cjs";
  return js === true || !existsSync(join(cwd, "tsconfig.json")) ? moduleKind(cwd) : "ts";
}

function unlogged(): CliError {
  return new CliError(
    EXIT.usage,
    "An unlogged ledger is refused: after a crash PostgreSQL empties it and keeps the effects, so that every key would be " +
      "executed again, and replicas never have it.",
    { hint: "to write less, let keys be UUIDv7 (newKey()): they cost a fifteenth of the log of random ones" },
  );
}

function upToDate(folder: string, version: number): Report {
  return {
    data: { written: [], version },
    text: (style) => `${style.green("✔")} ${folder} leads to version ${version} already; nothing to write`,
  };
}

/**
 * Writes the files, or says what they would be.
 *
 * @param next what to do with them
 */
export function written(
  files: readonly GeneratedFile[],
  folder: string,
  options: MigrationFlags,
  cwd: string,
  next: string = NEXT[options.for],
): Report {
  if (options.dryRun === true) {
    return {
      data: { written: [], files: files.map(({ path, text }) => ({ path: join(folder, path), text })) },
      text: (style) =>
        files
          .map(({ path, text }) => `${style.bold(`would write ${join(folder, path)}`)}\n${text}`)
          .join("\n"),
    };
  }
  const paths = writeNew(files, folder, cwd);
  return {
    data: { written: paths },
    text: (style) =>
      [...paths.map((path) => `${style.green("✔")} wrote ${path}`), `${style.dim("next:")} ${next}`].join(
        "\n",
      ),
  };
}
