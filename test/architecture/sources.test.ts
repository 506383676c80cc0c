import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync } from "@swc/core";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FILE_LINES_MAX = 350;
const FUNCTION_LINES_MAX = 70;

/** Longer ones that stand for now, and how long they may be; an entry that is not needed any more fails. */
const LONG_FILES: Readonly<Record<string, number>> = {};
const LONG_FUNCTIONS: Readonly<Record<string, number>> = {};

const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => `src/${name}`);
const textOf = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const linesOf = (text: string): number => text.split("\n").length - 1;

const FUNCTIONS = new Set([
  ...["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression", "Constructor"],
  ...["ClassMethod", "PrivateMethod", "MethodProperty", "GetterProperty", "SetterProperty"],
]);

interface Node {
  readonly type: string;
  readonly span: { readonly start: number; readonly end: number };
}

/** Where each function of a file begins, and how many lines it takes. */
function functionLines(text: string): { readonly line: number; readonly lines: number }[] {
  // The parser counts bytes from an offset of its own, which a first statement at byte 0 gives away.
  const bytes = Buffer.from(`0;${text.replace(/^#!/, "//")}`);
  const { body } = parseSync(bytes.toString(), { syntax: "typescript", target: "es2022" });
  const base = body[0]?.span.start ?? 0;
  const lineAt = (offset: number): number => linesOf(`${bytes.subarray(0, offset - base).toString()}\n`);
  const found: { line: number; lines: number }[] = [];
  const visit = (part: unknown): void => {
    if (part === null || typeof part !== "object") return;
    const { type, span } = part as Partial<Node>;
    if (type !== undefined && FUNCTIONS.has(type) && span !== undefined) {
      const line = lineAt(span.start);
      found.push({ line, lines: lineAt(span.end) - line + 1 });
    }
    for (const inner of Object.values(part)) visit(inner);
  };
  visit(body);
  return found;
}

/** What is longer than it may be, and what is excused without need. */
function offenders(
  sizes: ReadonlyMap<string, number>,
  max: number,
  excused: Readonly<Record<string, number>>,
): string[] {
  const long = [...sizes].filter(([name, lines]) => lines > (excused[name] ?? max)).map(([name]) => name);
  const needless = Object.keys(excused).filter((name) => (sizes.get(name) ?? 0) <= max);
  return [...long, ...needless.map((name) => `${name} needs no exception any more`)];
}

describe("the sources", () => {
  it("are found", () => {
    expect(sources.length).toBeGreaterThan(30);
    expect(sources).toContain("src/core/once.ts");
  });

  it(`are in files of at most ${FILE_LINES_MAX} lines`, () => {
    const sizes = new Map(sources.map((path) => [path, linesOf(textOf(path))]));
    expect(offenders(sizes, FILE_LINES_MAX, LONG_FILES)).toEqual([]);
  });

  it(`are in functions of at most ${FUNCTION_LINES_MAX} lines`, () => {
    const sizes = new Map(
      sources.flatMap((path) =>
        functionLines(textOf(path)).map(({ line, lines }) => [`${path}:${line}`, lines]),
      ),
    );
    expect(sizes.size).toBeGreaterThan(200);
    expect(offenders(sizes, FUNCTION_LINES_MAX, LONG_FUNCTIONS)).toEqual([]);
  });

  it.each(["console.", "debugger", "process.exit", "biome-ignore", "@ts-ignore", "@ts-expect-error", "TODO"])(
    "hold no %s",
    (word) => {
      const allowed = /^src\/(cli|testing)\//;
      expect(sources.filter((path) => !allowed.test(path) && textOf(path).includes(word))).toEqual([]);
    },
  );

  it("of the core hold no SQL", () => {
    const sql =
      /\b(SELECT\b[\s\S]{0,200}\bFROM|INSERT INTO|UPDATE\b[^;]{0,100}\bSET\b|DELETE FROM|ON CONFLICT|RETURNING)\b/;
    const core = sources.filter((path) => path.startsWith("src/core/"));
    expect(core.filter((path) => sql.test(textOf(path)))).toEqual([]);
    expect(sources.filter((path) => sql.test(textOf(path))).length).toBeGreaterThan(1);
  });

  it("ask no dialect for its name", () => {
    const check = /===\s*"(postgres|postgresql|mysql|mariadb|sqlite)"/;
    const elsewhere = sources.filter((path) => !/^src\/(dialects|migrations|cli)\//.test(path));
    expect(elsewhere.filter((path) => check.test(textOf(path)))).toEqual([]);
  });
});

describe("the measure", () => {
  it("counts the lines of functions of every kind", () => {
    const text = `// é\nfunction a() {\n  return [\n    () => 1,\n  ];\n}\nclass B {\n  #c(): void {\n  }\n  constructor() {}\n}\n`;
    expect(functionLines(text)).toEqual([
      { line: 2, lines: 5 },
      { line: 4, lines: 1 },
      { line: 8, lines: 2 },
      { line: 10, lines: 1 },
    ]);
  });

  it("reports what is too long, and what is excused without need", () => {
    const sizes = new Map([
      ["a", 10],
      ["b", 12],
      ["c", 15],
      ["d", 5],
    ]);
    expect(offenders(sizes, 10, { c: 14, b: 12, d: 20 })).toEqual(["c", "d needs no exception any more"]);
  });
});
