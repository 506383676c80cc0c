import { Option } from "commander";
import { type CliCommand, defineCommand } from "../command.js";
import { EXIT } from "../exit.js";
import type { RuleLevels } from "../lint/lint.js";
import { packageVersion } from "../version.js";

interface LintFlags {
  readonly format?: "text" | "sarif";
  readonly config?: string;
  readonly exclude?: readonly string[];
  readonly rule?: RuleLevels;
}

export const lint: CliCommand = defineCommand<LintFlags>({
  path: "lint",
  summary: "find writes in the source that are not safe to repeat",
  details: `
Reads the Prisma schema, the TypeORM entities and the TypeScript and JavaScript of the project; connects to nothing. Tests and
generated files are left out. Exits with 1 where something is found. A comment silences a finding, with a reason:
// opledger-ignore increment-without-operation: page views may be counted twice`,
  examples: [
    ["opledger lint", "look at the whole project"],
    ["opledger lint src/billing --rule raw-increment=off", "one folder, without one rule"],
    ["opledger lint --format sarif > opledger.sarif", "for code scanning in CI"],
  ],
  shape: (command) =>
    command
      .argument("[paths...]", "files, folders or globs (default: what the configuration includes)")
      .addOption(
        new Option("--format <format>", "how findings are printed")
          .choices(["text", "sarif"])
          .default("text"),
      )
      .option(
        "--config <file>",
        "JSON with include, exclude and rules (default: opledger.lint of package.json)",
      )
      .option("--exclude <glob...>", "leave out more files")
      .option("--rule <id=level...>", "make a rule error, warning or off", rulesOf),
  run: async ({ args, options, io }) => {
    // Only here: the parser is a program of the platform's own, and no other command should need it.
    const { lintFiles, lintText, readConfig, readProject, sarifOf } = await import("../lint/index.js");
    const config = readConfig(io.cwd, options.config);
    const exclude = [...(config.exclude ?? []), ...(options.exclude ?? [])];
    const files = await readProject(io.cwd, { ...config, exclude }, args);
    const result = lintFiles(files, { ...config.rules, ...options.rule });
    return {
      data: result,
      text: (style) =>
        options.format === "sarif"
          ? JSON.stringify(sarifOf(result, packageVersion()), null, 2)
          : lintText(result, style),
      exitCode: result.findings.length > 0 ? EXIT.no : EXIT.ok,
    };
  },
});

function rulesOf(given: string, before: RuleLevels = {}): RuleLevels {
  const [id = "", level = ""] = given.split("=");
  return { ...before, [id]: level as RuleLevels[string] };
}
