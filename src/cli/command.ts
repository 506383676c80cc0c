import { Command, InvalidArgumentError, Option } from "commander";
import type { ExitCode } from "./exit.js";
import type { Io, Style } from "./io.js";

/** What a command has to say. The frame prints it, so that no command needs to know how. */
export interface Report {
  /** What `--json` prints: one document. */
  readonly data: unknown;
  /** What people read. */
  readonly text: (style: Style) => string;
  /** `ok` unless given. */
  readonly exitCode?: ExitCode;
}

interface Call<Options> {
  readonly args: readonly string[];
  readonly options: Options;
  readonly io: Io;
}

export interface CommandSpec<Options> {
  /** `sweep`, or `migration create` for one of a group. */
  readonly path: string;
  readonly summary: string;
  /** Paragraphs below the summary in the help. */
  readonly details?: string;
  /** Command lines without the leading `npx`, each with what it does. */
  readonly examples: readonly (readonly [commandLine: string, does: string])[];
  /** Whether it takes `--url`, `--schema` and `--table`. */
  readonly database?: boolean;
  /** Adds arguments and options. */
  readonly shape?: (command: Command) => void;
  readonly run: (call: Call<Options>) => Promise<Report>;
}

/** Options of every command. */
interface CommonFlags {
  readonly json?: boolean;
}

/** A command whose options are known to nobody but itself. */
export interface CliCommand {
  readonly path: string;
  /** @param done gets what the command has to say */
  build(io: Io, done: (report: Report, json: boolean) => void): Command;
}

/** Makes a command out of what it says of itself; the frame is the same for all. */
export function defineCommand<Options extends object>(spec: CommandSpec<Options>): CliCommand {
  return {
    path: spec.path,
    build(io, done) {
      const command = new Command(spec.path.split(" ").at(-1)).description(spec.summary);
      spec.shape?.(command);
      if (spec.database === true) databaseOptions(command);
      command.option("--json", "print one JSON document instead of text");
      const details = spec.details === undefined ? "" : `\n${spec.details.trim()}\n`;
      command.addHelpText("after", `${details}\nExamples:\n${examplesText(spec.examples)}`);
      command.action(async () => {
        const options = command.opts<Options & CommonFlags>();
        done(await spec.run({ args: command.processedArgs.flat(), options, io }), options.json === true);
      });
      return command;
    },
  };
}

function examplesText(examples: CommandSpec<object>["examples"]): string {
  return examples.map(([line, does]) => `  # ${does}\n  $ npx ${line}`).join("\n");
}

/** What `openLedger` takes. */
export interface DatabaseFlags {
  readonly url?: string;
  readonly schema?: string;
  readonly table?: string;
}

function databaseOptions(command: Command): void {
  command
    .addOption(
      new Option(
        "--url <url>",
        "the database: postgres://, mysql://, mariadb:// or file: for SQLite (default: DATABASE_URL)",
      ),
    )
    .option("--schema <name>", "the ledger's schema (default: public, or the connection's database)")
    .option("--table <name>", "the ledger's table (default: opledger_operations)");
}

/** Reads an option that must be a whole number. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(
        max === Number.MAX_SAFE_INTEGER
          ? `It must be a whole number from ${min}.`
          : `It must be a whole number from ${min} to ${max}.`,
      );
    }
    return value;
  };
}

/** Reads an option that must be a moment. */
export function instant(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()))
    throw new InvalidArgumentError("It must be a time, e.g. 2026-01-31T12:00:00Z.");
  return date;
}
