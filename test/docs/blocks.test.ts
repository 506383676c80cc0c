import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { allBlocks, type Block, blocksOf, compileBlocks, documents, ensureBuilt, ROOT } from "./blocks.js";

const TYPESCRIPT = new Set(["ts", "typescript", "mts"]);
const SHELL = new Set(["sh", "bash", "shell", "console"]);
/** Other languages that documents may use; any other is a typo that would go unchecked. */
const OTHER = new Set(["", "json", "sql", "text", "mermaid", "diff", "yaml"]);

const blocks = allBlocks();
const typescript = blocks.filter(({ language }) => TYPESCRIPT.has(language));

function planted(text: string, preamble = ""): Block {
  return { file: "planted.md", line: 10, language: "ts", text, preamble };
}

describe("the documents' blocks", () => {
  beforeAll(ensureBuilt);

  it("are found", () => {
    expect(documents()).toContain("docs/errors.md");
    expect(typescript.length).toBeGreaterThan(10);
  });

  it("of TypeScript compile against the built package", async () => {
    expect(await compileBlocks(typescript)).toEqual([]);
  });

  it("are in languages that are checked, or need no check", () => {
    const unknown = blocks.filter(
      ({ language }) => ![TYPESCRIPT, SHELL, OTHER].some((set) => set.has(language)),
    );
    expect(unknown.map(({ file, line, language }) => `${file}:${line} ${language}`)).toEqual([]);
  });

  it("of JSON can be parsed", () => {
    for (const { language, text } of blocks) if (language === "json") JSON.parse(text);
  });

  it("are in documents whose fences are closed", () => {
    for (const file of documents()) {
      const fences = readFileSync(join(ROOT, file), "utf8").match(/^ *(```|~~~)/gm) ?? [];
      const closed = 2 * blocks.filter((block) => block.file === file).length;
      expect({ file, fences: fences.length }).toEqual({ file, fences: closed });
    }
  });

  it("of shell, and the text around, name scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: object };
    for (const file of documents()) {
      const text = readFileSync(join(ROOT, file), "utf8");
      const named = [...text.matchAll(/npm run (?:--?[\w-]+ )*([\w:-]+)/g)].map(([, name = ""]) => name);
      expect({ file, missing: named.filter((name) => !(name in scripts)) }).toEqual({ file, missing: [] });
    }
  });
});

describe("the test of the blocks", () => {
  beforeAll(ensureBuilt);

  it.each<[string, Block, RegExp]>([
    ["a wrong type", planted("const a: number = 'x';\n"), /^planted\.md:10: error TS2322/],
    ["a wrong type in the third line", planted("\n\nconst a: number = 'x';\n"), /^planted\.md:12: /],
    ["an export that is not there", planted('import { nothing } from "opledger";\nnothing();\n'), /TS2305/],
    ["a subpath that is not there", planted('import "opledger/core/once";\n'), /TS2(307|882)/],
    ["an implicit any", planted("export const f = (a) => a;\n"), /TS7006/],
    ["an entry that may be missing", planted("const a: string = ['x'][0];\n"), /TS2322/],
    [
      "an option that is not there",
      planted(
        'import { createLedger } from "opledger/pg";\nimport pg from "pg";\ncreateLedger(new pg.Pool(), { waitMS: 1 });\n',
      ),
      /TS2561|TS2353/,
    ],
    [
      "an error below a preamble",
      planted("b = 1;\n", "declare const a: string;\ndeclare const b: string;"),
      /:10: /,
    ],
  ])("catches %s", async (_, block, message) => {
    expect((await compileBlocks([planted("export const fine = 1;\n"), block])).join("\n")).toMatch(message);
  });

  it("compiles a block with its preamble", async () => {
    expect(await compileBlocks([planted("a.toUpperCase();\n", "declare const a: string;")])).toEqual([]);
  });

  it("finds blocks, their places, their languages and what is hidden above them", () => {
    const markdown = [
      ...[
        "# Title",
        "```ts",
        "const a = 1;",
        "```",
        "text",
        "<!-- compile-with:",
        "declare const b: 1;",
        "-->",
      ],
      ...[
        "```ts title",
        "b;",
        "```",
        "- item",
        "  ```sh",
        "  npm run x",
        "  ```",
        "~~~json",
        "{}",
        "~~~",
        "",
      ],
    ].join("\n");
    expect(blocksOf("a.md", markdown)).toEqual([
      { file: "a.md", line: 3, language: "ts", text: "const a = 1;\n", preamble: "" },
      { file: "a.md", line: 10, language: "ts", text: "b;\n", preamble: "declare const b: 1;" },
      { file: "a.md", line: 14, language: "sh", text: "npm run x\n", preamble: "" },
      { file: "a.md", line: 17, language: "json", text: "{}\n", preamble: "" },
    ]);
  });
});
