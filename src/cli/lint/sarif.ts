import { ALL_RULES, type Finding, type LintResult } from "./lint.js";

/**
 * Findings as GitHub, GitLab and editors read them.
 *
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
export function sarifOf({ findings, unparsed }: LintResult, version: string): unknown {
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "opledger", semanticVersion: version, rules: ALL_RULES.map(ruleOf) } },
        // Columns count as JavaScript counts characters.
        columnKind: "utf16CodeUnits",
        originalUriBaseIds: { PROJECT: { description: { text: "The folder that was looked at." } } },
        invocations: [
          { executionSuccessful: true, toolExecutionNotifications: unparsed.map(notificationOf) },
        ],
        results: findings.map(resultOf),
      },
    ],
  };
}

function ruleOf({ id, level, title, why, fix }: (typeof ALL_RULES)[number]): unknown {
  return {
    id,
    shortDescription: { text: title },
    fullDescription: { text: why },
    help: { text: `${why}\n\n${fix}`, markdown: `${why}\n\n**Fix.** ${fix}` },
    defaultConfiguration: { level },
  };
}

function resultOf({ rule, level, path, start, end, message, fix }: Finding): unknown {
  return {
    ruleId: rule,
    ruleIndex: ALL_RULES.findIndex(({ id }) => id === rule),
    level,
    message: { text: `${message}. ${fix}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(path), uriBaseId: "PROJECT" },
          region: {
            startLine: start.line,
            startColumn: start.column,
            endLine: end.line,
            endColumn: end.column,
          },
        },
      },
    ],
  };
}

function notificationOf({ path, message }: LintResult["unparsed"][number]): unknown {
  return {
    level: "warning",
    message: { text: `not parsed: ${message}` },
    locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(path), uriBaseId: "PROJECT" } } }],
  };
}

function uriOf(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
