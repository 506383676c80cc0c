import { typeormEngines } from "./engines.js";
import { entitiesOf, inherited } from "./entities.js";
import { type Facts, type LintFile, type Parsed, parsed } from "./file.js";
import type { Hit, Level, Rule } from "./rule.js";
import { RULES } from "./rules/index.js";
import { joinSchemas, parsePrismaSchema } from "./schema.js";
import { type Node, type Position, SourceFile } from "./source.js";
import { covers, faultOf, type Ignore, ignoresOf } from "./suppress.js";
import { onlyInWork } from "./work.js";

/** A file of the project, by its path from the project's folder, with forward slashes. */
export interface ProjectFile {
  readonly path: string;
  readonly text: string;
  /** Whether it is read only for what it says of others. */
  readonly beside?: boolean;
}

export interface Finding {
  readonly rule: string;
  readonly level: Level;
  readonly path: string;
  readonly start: Position;
  readonly end: Position;
  /** What stands there. */
  readonly message: string;
  readonly why: string;
  readonly fix: string;
  /** The line of the file, without what is around it. */
  readonly excerpt: string;
}

export interface LintResult {
  /** By path and place. */
  readonly findings: readonly Finding[];
  readonly filesRead: number;
  /** Findings that a comment silences. */
  readonly ignored: number;
  readonly unparsed: readonly { readonly path: string; readonly message: string }[];
}

export type RuleLevels = Readonly<Record<string, Level | "off">>;

/** The comments that silence nothing are reported under this name. */
const IGNORE_RULE: Omit<Rule, "check"> = {
  id: "invalid-ignore",
  level: "warning",
  title: "A comment that silences nothing",
  why: "Whoever reads it believes that somebody has looked at what it stands beside.",
  fix: "Write `// opledger-ignore rule-id: reason`, or remove the comment.",
};

/** The rules and the name that comments are reported under. */
export const ALL_RULES: readonly Omit<Rule, "check">[] = [...RULES, IGNORE_RULE];

/**
 * Looks for writes that are not safe to repeat. Pure: all that it knows of the project is what it is given.
 *
 * @param levels what rules count as, where not as they say themselves
 * @param rules for tests that leave one out
 * @throws {TypeError} `levels` names no rule, or no level
 */
export function lint(
  files: readonly ProjectFile[],
  levels: RuleLevels = {},
  rules: readonly Rule[] = RULES,
): LintResult {
  checkLevels(levels);
  const sources = files.filter(({ path }) => !path.endsWith(".prisma"));
  const read = sources.map(({ path, text }) => ({ path, source: SourceFile.parse(path, text) }));
  const good = read.flatMap(({ source }) => (source instanceof SourceFile ? [parsed(source)] : []));
  const besides = new Set(files.flatMap(({ path, beside }) => (beside === true ? [path] : [])));
  const facts = factsOf(files, good);
  const active = rules.filter(({ id }) => levels[id] !== "off");
  const looked = good.filter(({ source }) => !besides.has(source.path));
  const results = looked.map((each) => lintFile({ ...each, facts }, active, levels));
  return {
    findings: results.flatMap(({ findings }) => findings).sort(inOrder),
    filesRead: files.length - besides.size,
    ignored: results.reduce((sum, { ignored }) => sum + ignored, 0),
    unparsed: read.flatMap(({ path, source }) =>
      source instanceof SourceFile || besides.has(path) ? [] : [{ path, message: source.unparsed }],
    ),
  };
}

function checkLevels(levels: RuleLevels): void {
  const known = ALL_RULES.map(({ id }) => id);
  for (const [id, level] of Object.entries(levels)) {
    if (!known.includes(id)) throw new TypeError(`there is no rule "${id}"; there are ${known.join(", ")}`);
    if (!["error", "warning", "off"].includes(level)) {
      throw new TypeError(`rule ${id}: the level must be "error", "warning" or "off"`);
    }
  }
}

function inOrder(a: Finding, b: Finding): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return a.start.line - b.start.line || a.start.column - b.start.column;
}

function factsOf(files: readonly ProjectFile[], sources: readonly Parsed[]): Facts {
  const schemas = files
    .filter(({ path }) => path.endsWith(".prisma"))
    .map(({ text }) => parsePrismaSchema(text));
  const prisma = schemas.length === 0 ? undefined : joinSchemas(schemas);
  const engines = new Set(sources.flatMap(({ source }) => typeormEngines(source)));
  if (prisma?.provider !== undefined) engines.add(prisma.provider);
  return {
    prisma: prisma === undefined || prisma.models.length === 0 ? undefined : prisma,
    entities: inherited(sources.flatMap(({ source }) => entitiesOf(source))),
    engines,
    onlyInWork: onlyInWork(sources.flatMap(({ works }) => works.ownCalls())),
  };
}

interface FileResult {
  readonly findings: readonly Finding[];
  readonly ignored: number;
}

function lintFile(file: LintFile, rules: readonly Rule[], levels: RuleLevels): FileResult {
  const ignores = ignoresOf(file.source);
  const known = new Set(ALL_RULES.map(({ id }) => id));
  const valid = ignores.filter((ignore) => faultOf(ignore, known) === undefined);
  const used = new Set<Ignore>();
  const findings: Finding[] = [];
  let ignored = 0;
  for (const rule of rules) {
    for (const hit of rule.check(file)) {
      const lines = [hit.node, statementAround(file.source, hit.node)].map(
        ({ start }) => file.source.position(start).line,
      );
      const silencing = valid.filter((ignore) => covers(ignore, rule.id, lines));
      for (const each of silencing) used.add(each);
      if (silencing.length > 0) ignored += 1;
      else findings.push(findingOf(file.source, rule, hit, hit.node, levels));
    }
  }
  if (levels[IGNORE_RULE.id] !== "off")
    findings.push(...ignoreFindings(file.source, ignores, used, known, rules, levels));
  return { findings, ignored };
}

/** The statement that a node is part of: a comment above it speaks of all of it. */
function statementAround(source: SourceFile, node: Node): Node {
  for (const each of [node, ...source.ancestors(node)]) {
    if (/(Statement|Declaration|Definition)$/.test(each.type)) return each;
  }
  return node;
}

function findingOf(
  source: SourceFile,
  rule: Omit<Rule, "check">,
  { message, fix }: Pick<Hit, "message" | "fix">,
  { start, end }: { readonly start: number; readonly end: number },
  levels: RuleLevels,
): Finding {
  const level = levels[rule.id];
  const from = source.position(start);
  return {
    rule: rule.id,
    level: level === undefined || level === "off" ? rule.level : level,
    path: source.path,
    start: from,
    end: source.position(end),
    message,
    why: rule.why,
    fix: fix ?? rule.fix,
    excerpt: (source.text.split("\n", from.line)[from.line - 1] ?? "").trim(),
  };
}

function ignoreFindings(
  source: SourceFile,
  ignores: readonly Ignore[],
  used: ReadonlySet<Ignore>,
  known: ReadonlySet<string>,
  rules: readonly Rule[],
  levels: RuleLevels,
): Finding[] {
  const active = new Set(rules.map(({ id }) => id));
  return ignores.flatMap((ignore) => {
    // A comment for a rule that is switched off waits for it to be switched on.
    const waits = !ignore.rules.every((rule) => active.has(rule));
    const unused = used.has(ignore) || waits ? undefined : "nothing is found here";
    const fault = faultOf(ignore, known) ?? unused;
    if (fault === undefined) return [];
    const span = { start: ignore.offset, end: ignore.offset };
    return [
      findingOf(source, IGNORE_RULE, { message: `the comment silences nothing: ${fault}` }, span, levels),
    ];
  });
}
