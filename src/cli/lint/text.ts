import { count, wrapped } from "../format.js";
import type { Style } from "../io.js";
import type { Finding, LintResult } from "./lint.js";

/** Longer lines of code are cut, so that a finding stays a few lines. */
const EXCERPT_LENGTH_MAX = 100;

/** Findings for people: by file, each rule's reason where it first appears. */
export function lintText({ findings, filesRead, ignored, unparsed }: LintResult, style: Style): string {
  const explained = new Set<string>();
  const lines: string[] = [];
  for (const [path, own] of byPath(findings)) {
    lines.push(style.underline(path));
    for (const finding of own) {
      lines.push(...findingLines(finding, !explained.has(finding.rule), style), "");
      explained.add(finding.rule);
    }
  }
  for (const { path, message } of unparsed) lines.push(`${style.yellow("not parsed")} ${path}: ${message}`);
  return [...lines, ...summary(findings, filesRead, ignored, style)].join("\n");
}

function byPath(findings: readonly Finding[]): ReadonlyMap<string, Finding[]> {
  const files = new Map<string, Finding[]>();
  for (const finding of findings) files.set(finding.path, [...(files.get(finding.path) ?? []), finding]);
  return files;
}

function findingLines(finding: Finding, first: boolean, style: Style): string[] {
  const { level, start, message, rule, excerpt, why, fix } = finding;
  const mark = level === "error" ? style.red("error  ") : style.yellow("warning");
  const place = `${start.line}:${start.column}`.padStart(8);
  const code = excerpt.length > EXCERPT_LENGTH_MAX ? `${excerpt.slice(0, EXCERPT_LENGTH_MAX - 1)}…` : excerpt;
  return [
    `${place}  ${mark}  ${style.bold(message)}  ${style.dim(rule)}`,
    `          ${style.dim(code)}`,
    ...(first ? [wrapped(`          ${style.dim("why")}  `, why)] : []),
    wrapped(`          ${style.dim("fix")}  `, fix),
  ];
}

function summary(findings: readonly Finding[], filesRead: number, ignored: number, style: Style): string[] {
  const errors = findings.filter(({ level }) => level === "error").length;
  const silenced = ignored === 0 ? "" : `; comments silence ${ignored} more`;
  const files = count(filesRead, "file");
  if (findings.length === 0) return [style.green(`Nothing found in ${files}${silenced}.`)];
  const kinds = `${count(errors, "error")}, ${count(findings.length - errors, "warning")}`;
  return [
    `${style.bold(count(findings.length, "finding"))} (${kinds}) in ${files}${silenced}.`,
    style.dim("Each rule, and how to ignore it: node_modules/opledger/docs/lint.md"),
  ];
}
