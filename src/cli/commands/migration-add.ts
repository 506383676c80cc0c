import { InvalidArgumentError } from "commander";
import { patternFiles } from "../../migrations/generate.js";
import { counterLogPattern } from "../../migrations/patterns/counter-log/index.js";
import type { Pattern, PatternTable } from "../../migrations/patterns/pattern.js";
import { operationIdPattern, uniquePattern } from "../../migrations/patterns/unique.js";
import { versionPattern } from "../../migrations/patterns/version.js";
import { versionGuardPattern } from "../../migrations/patterns/version-guard.js";
import { type CliCommand, type CommandSpec, defineCommand, type Report } from "../command.js";
import {
  languageOf,
  type MigrationFlags,
  migrationOptions,
  OUT_DEFAULT,
  written,
} from "./migration-create.js";

interface AddFlags extends MigrationFlags {
  readonly table: string;
  readonly schema?: string;
}

interface PatternCommand<Flags>
  extends Pick<CommandSpec<Flags>, "summary" | "details" | "examples" | "shape"> {
  readonly name: string;
  readonly pattern: (target: PatternTable, flags: Flags) => Pattern;
}

/** A command that writes a change of a user's own table. */
function patternCommand<Flags extends object>(spec: PatternCommand<AddFlags & Flags>): CliCommand {
  return defineCommand<AddFlags & Flags>({
    path: `migration add ${spec.name}`,
    summary: spec.summary,
    ...(spec.details === undefined ? {} : { details: spec.details }),
    examples: spec.examples,
    shape: (command) => {
      command.requiredOption("--table <name>", "the table to change");
      spec.shape?.(command);
      migrationOptions(command).option("--schema <name>", "the table's schema (default: the connection's)");
    },
    run: async ({ options, io }) => {
      const { engine, schema, table } = options;
      const pattern = spec.pattern({ engine, schema, table }, options);
      const language = languageOf(options, io.cwd);
      const files = patternFiles(pattern, { tool: options.for, engine, language, at: new Date() });
      const each = options.for === "typeorm" && pattern.steps.some(({ transactional }) => !transactional);
      const next = each ? "npx typeorm migration:run -d <data source> --transaction each" : undefined;
      const report = written(files, options.out ?? OUT_DEFAULT[options.for], options, io.cwd, next);
      return withSchemaChange(report, pattern, options);
    },
  });
}

/** What was written, and what the application's own schema must say. */
function withSchemaChange(report: Report, pattern: Pattern, flags: AddFlags): Report {
  const tool = flags.for;
  if (tool === "sql") return report;
  const change = pattern[tool];
  const place = tool === "prisma" ? "in your Prisma schema" : "in your TypeORM entity";
  return {
    data: { ...(report.data as object), schemaChange: change },
    text: (style) => `${report.text(style)}\n\n${style.dim(`${place}:`)}\n${change}`,
  };
}

const version = patternCommand<{ readonly column: string }>({
  name: "version",
  summary: "add a version column, for compare-and-set",
  examples: [
    ["opledger migration add version --table accounts --for prisma --engine postgres", "accounts.version"],
  ],
  shape: (command) => command.option("--column <name>", "the column", "version"),
  pattern: (target, { column }) => versionPattern(target, column),
});

const operationId = patternCommand<{ readonly column: string }>({
  name: "operation-id",
  summary: "add a unique column for the id of the operation that made a row",
  examples: [
    [
      "opledger migration add operation-id --table orders --for typeorm --engine mysql",
      "orders.operation_id",
    ],
  ],
  shape: (command) => command.option("--column <name>", "the column", "operation_id"),
  pattern: (target, { column }) => operationIdPattern(target, column),
});

const unique = patternCommand<{ readonly columns: readonly string[] }>({
  name: "unique",
  summary: "make columns a natural key, without a long lock",
  details: `
Looks for duplicates first, and fails with nothing changed where there are some. Then builds the index while the table is
in use: CONCURRENTLY on PostgreSQL, ALGORITHM=INPLACE, LOCK=NONE on MySQL and MariaDB. SQLite locks its file for the time.`,
  examples: [
    [
      "opledger migration add unique --table users --columns email --for prisma --engine postgres",
      "one column",
    ],
    [
      "opledger migration add unique --table seats --columns show_id,seat --for sql --engine mysql",
      "two columns",
    ],
  ],
  shape: (command) => command.requiredOption("--columns <names>", "the columns, separated by commas", names),
  pattern: (target, { columns }) => uniquePattern(target, columns),
});

const versionGuard = patternCommand<{ readonly column: string; readonly strict?: boolean }>({
  name: "version-guard",
  summary: "add a trigger that refuses stale writes to a versioned table",
  details: `
An ORM's save() of a row that was read before somebody else changed it sets the version back. The trigger refuses that,
whatever writes. With --strict it refuses every update that does not raise the version.`,
  examples: [
    [
      "opledger migration add version-guard --table accounts --for sql --engine mariadb",
      "refuse a version that goes back",
    ],
  ],
  shape: (command) =>
    command
      .option("--column <name>", "the version column", "version")
      .option("--strict", "refuse every update that does not raise the version"),
  pattern: (target, { column, strict = false }) => versionGuardPattern(target, { column, strict }),
});

interface CounterLogFlags {
  readonly column: string;
  readonly key: string;
  readonly keyType: string;
}

const counterLog = patternCommand<CounterLogFlags>({
  name: "counter-log",
  summary: "turn a hot counter into a log that is folded now and then",
  details: `
Increments are appended to <table>_<column>_log, each under its operation's id, so that they do not queue up at one row. A
fold adds what is finished to the counter, and leaves what runs; run it every few seconds, outside of a transaction:
  PostgreSQL      SELECT <table>_<column>_log_fold();
  MySQL, MariaDB  CALL <table>_<column>_log_fold();
  SQLite          INSERT INTO <table>_<column>_log_fold DEFAULT VALUES;
The view <table>_<column>_total always shows the counter with what is not folded yet. Entries may be deleted once folded.
SQLite lets one write at a time, so that the log gains nothing there but the same schema.`,
  examples: [
    [
      "opledger migration add counter-log --table posts --column likes --for sql --engine postgres",
      "posts.likes",
    ],
  ],
  shape: (command) =>
    command
      .requiredOption("--column <name>", "the counter")
      .option("--key <name>", "the table's primary key", "id")
      .option("--key-type <type>", "the key's type", "bigint"),
  pattern: (target, options) => counterLogPattern(target, options),
});

function names(text: string): string[] {
  const list = text.split(",").map((name) => name.trim());
  if (list.includes("")) throw new InvalidArgumentError("It must be names separated by commas.");
  return list;
}

export const MIGRATION_ADD: readonly CliCommand[] = [version, operationId, unique, versionGuard, counterLog];
