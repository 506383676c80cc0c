import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import type { Io } from "../../src/cli/io.js";
import { buildProgram } from "../../src/cli/program.js";
import { plainIo } from "../cli/io.js";

/** Where `docs/cli.md` differs from the help, `npx vitest run test/docs/cli.test.ts -u` writes it anew. */
const DOCS = "../../docs/cli.md";

/** The help of a command, as it is printed. */
function helpOf(command: Command, io: Io & { readonly printed: () => string }): string {
  const before = io.printed().length;
  command.outputHelp();
  return io.printed().slice(before).trim();
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

const io = plainIo();
const program = buildProgram(io, () => undefined);
const commands = leaves(program);

describe("docs/cli.md", () => {
  it("is the help of every command", async () => {
    const section = (command: Command): string =>
      `## ${pathOf(command)}\n\n\`\`\`text\n${helpOf(command, io)}\n\`\`\`\n`;
    const text = [
      "# The command line\n",
      "What `npx opledger --help` and `npx opledger <command> --help` print. This page is made from them.\n",
      `\`\`\`text\n${helpOf(program, io)}\n\`\`\`\n`,
      ...commands.map(section),
    ];
    await expect(text.join("\n")).toMatchFileSnapshot(DOCS);
  });

  it.each(commands.map((command) => [pathOf(command), command] as const))(
    "%s has --json and an example",
    (path, command) => {
      const help = helpOf(command, io);
      expect(help).toContain("--json");
      expect(help).toContain(`\n  $ npx ${path}`);
    },
  );

  it("has commands", () => {
    expect(commands.length).toBeGreaterThan(1);
  });
});
