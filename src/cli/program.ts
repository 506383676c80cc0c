import { Command, CommanderError } from "commander";
import { LedgerSchemaError, OpledgerError } from "../core/errors.js";
import type { CliCommand, Report } from "./command.js";
import { COMMANDS } from "./commands/index.js";
import { CliError, EXIT, EXIT_MEANING, type ExitCode } from "./exit.js";
import type { Io } from "./io.js";
import { packageVersion } from "./version.js";

/** Where there is no terminal to fill. */
const HELP_WIDTH = 80;

const GROUPS: Readonly<Record<string, string>> = {
  migration: "write migrations for the ledger and for your own tables",
  add: "write a migration that makes a table of your own safe to write to repeatedly",
};

/** The whole command line, ready to parse. */
export function buildProgram(io: Io, done: (report: Report, json: boolean) => void): Command {
  const program = new Command("opledger")
    .description("Make writes safe to repeat: adopt opledger in a project, and run its ledger.")
    .version(packageVersion(), "-v, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .addHelpText("after", `\nExit codes:\n${exitCodesText()}`);
  for (const command of COMMANDS) parentOf(program, command).addCommand(command.build(io, done));
  configure(program, io);
  return program;
}

function parentOf(program: Command, { path }: CliCommand): Command {
  let parent = program;
  for (const name of path.split(" ").slice(0, -1)) {
    const known = parent.commands.find((command) => command.name() === name);
    parent =
      known ??
      parent
        .command(name)
        .helpCommand(false)
        .description(GROUPS[name] ?? name);
  }
  return parent;
}

function exitCodesText(): string {
  return Object.entries(EXIT_MEANING)
    .map(([name, meaning]) => `  ${EXIT[name as keyof typeof EXIT]}  ${meaning}`)
    .join("\n");
}

/** Subcommands added ready-made do not inherit these. */
function configure(command: Command, io: Io): void {
  const { out, err } = io;
  command.exitOverride();
  command.showSuggestionAfterError(true);
  command.configureOutput({
    writeOut: (text) => out.write(text),
    writeErr: (text) => err.write(text),
    // The frame prints errors, so that they look the same wherever they come from.
    outputError: () => undefined,
    getOutHelpWidth: () => (io.interactive && process.stdout.columns) || HELP_WIDTH,
    getOutHasColors: () => out.style.isColorSupported,
    getErrHasColors: () => err.style.isColorSupported,
  });
  command.configureHelp({
    styleTitle: (text) => out.style.bold(text),
    sortSubcommands: false,
    showGlobalOptions: false,
  });
  for (const child of command.commands) configure(child, io);
}

/**
 * Runs one command line and says with which code to end the process. Never throws.
 *
 * @param args what follows `opledger`
 */
export async function runCli(args: readonly string[], io: Io): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const program = buildProgram(io, (report, json) => {
    exitCode = report.exitCode ?? EXIT.ok;
    const text = json ? JSON.stringify(report.data, jsonValue, 2) : report.text(io.out.style);
    if (text !== "") io.out.write(text.endsWith("\n") ? text : `${text}\n`);
  });
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    return fail(error, args.includes("--json"), io);
  }
}

/** Results may hold what JSON has no form for. */
function jsonValue(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

interface Explained {
  readonly exitCode: ExitCode;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly code?: string;
}

function fail(error: unknown, json: boolean, io: Io): ExitCode {
  // Help and version were printed, as asked for; a bare group or program shows its help as an error.
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
  if (error instanceof CommanderError && error.code === "commander.help") return EXIT.usage;
  const { exitCode, message, hint, code } = explain(error);
  if (json) {
    io.out.write(`${JSON.stringify({ error: { code, message, hint, exitCode } }, null, 2)}\n`);
    return exitCode;
  }
  const { style } = io.err;
  // Whoever said no knows that it is no error.
  io.err.write(exitCode === EXIT.no ? `${message}\n` : `${style.red("error")} ${message}\n`);
  if (hint !== undefined) io.err.write(`${style.dim("  try")} ${hint}\n`);
  return exitCode;
}

function explain(error: unknown): Explained {
  if (error instanceof CliError) return error;
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, "");
    return { exitCode: EXIT.usage, message, hint: "add --help to see what it takes", code: error.code };
  }
  if (error instanceof OpledgerError) {
    const exitCode = error instanceof LedgerSchemaError ? EXIT.schema : EXIT.failed;
    return { exitCode, message: error.message, code: error.code };
  }
  // Names and numbers that the library itself refuses.
  if (error instanceof TypeError) return { exitCode: EXIT.usage, message: error.message };
  const { message, code } = error instanceof Error ? (error as Error & { code?: unknown }) : {};
  return {
    exitCode: EXIT.failed,
    message: message === undefined || message === "" ? String(error) : message,
    ...(typeof code === "string" ? { code } : {}),
  };
}
