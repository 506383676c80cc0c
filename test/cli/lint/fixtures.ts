import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { lint, type ProjectFile } from "../../../src/cli/lint/lint.js";
import type { Rule } from "../../../src/cli/lint/rule.js";
import { RULES } from "../../../src/cli/lint/rules/index.js";

const read = (name: string): string | undefined => {
  const path = fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
};

/** The schema and entities that all fixtures share. */
export const PROJECT: readonly ProjectFile[] = [
  { path: "prisma/schema.prisma", text: read("schema.prisma") ?? "" },
  { path: "src/entities.ts", text: read("entities.ts.txt") ?? "" },
];

/** The rules that have fixtures; a rule that is left out of the list of rules still has them. */
export const FIXTURES: readonly string[] = readdirSync(new URL("fixtures/", import.meta.url), {
  withFileTypes: true,
}).flatMap((each) => (each.isDirectory() ? [each.name] : []));

/** @throws {Error} there is no such rule */
export function ruleOf(id: string): Rule {
  const rule = RULES.find((each) => each.id === id);
  if (rule === undefined) throw new Error(`there is no rule ${id}`);
  return rule;
}

/** What was seen in public code, and what must be found in it, as `rule:line`. */
export function seen(): { readonly text: string; readonly expected: readonly string[] } {
  const text = read("seen.ts.txt") ?? "";
  const expected = text.split("\n").flatMap((line, index) => {
    const [, rule] = /\/\/ ! ([a-z-]+)$/.exec(line) ?? [];
    return rule === undefined ? [] : [`${rule}:${index + 1}`];
  });
  return { text, expected };
}

export function fixture(rule: string, name: "safe" | "unsafe"): string {
  const text = read(`${rule}/${name}.ts.txt`);
  if (text === undefined) throw new Error(`rule ${rule} has no fixture ${name}.ts.txt`);
  return text;
}

/** The lines of a fixture that end in the mark, and so must be found. */
export function markedLines(text: string): number[] {
  return text.split("\n").flatMap((line, index) => (/(\/\/|--) !$/.test(line) ? [index + 1] : []));
}

/** What is found in one file beside the shared ones, as `rule:line`. */
export function found(text: string, rules: readonly Rule[] = RULES, project = PROJECT): string[] {
  const { findings } = lint([...project, { path: "src/file.ts", text }], {}, rules);
  return findings
    .filter(({ path }) => path === "src/file.ts")
    .map(({ rule, start }) => `${rule}:${start.line}`);
}
