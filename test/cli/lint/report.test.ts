import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ALL_RULES, lint } from "../../../src/cli/lint/lint.js";
import { runCli } from "../../../src/cli/program.js";
import { plainIo } from "../io.js";
import { found, PROJECT } from "./fixtures.js";
import { sarifFaults } from "./sarif-shape.js";

const WRITE = "await prisma.account.update({ where: { id }, data: { credits: { increment: 1 } } });";

let folder: string;
const put = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "opledger-lint-"));
  put("src/top up.ts", `export const topUp = async (id: number) => {\n  ${WRITE}\n};\n`);
  put("src/sound.ts", "export const one = 1;\n");
  put("src/top-up.test.ts", WRITE);
  put("node_modules/a/index.js", WRITE);
  put("dist/a.js", WRITE);
  put("src/types.d.ts", "export declare const x: number;\n");
  put("src/broken.ts", "export const = ;");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(...args: string[]): Promise<{ code: number; text: string }> {
  const io = { ...plainIo(), cwd: folder };
  return { code: await runCli(["lint", ...args], io), text: io.printed() };
}

describe("opledger lint", () => {
  it("prints file, line, what, why and the fix, and exits with 1", async () => {
    const { code, text } = await run();
    expect(code).toBe(1);
    expect(text).toContain("src/top up.ts\n    2:56  warning  `account.credits` is changed by `increment`");
    expect(text).toContain("increment-without-operation");
    expect(text).toMatch(/why {2}A request that is retried/);
    expect(text).toMatch(/fix {2}Write `\$operation/);
    expect(text).toContain("1 finding (0 errors, 1 warning) in 3 files.");
    expect(text).toContain("docs/lint.md");
    expect(text).toContain("not parsed src/broken.ts");
  });

  it("exits with 0 where nothing is found, or the rule is off", async () => {
    expect(await run("src/sound.ts")).toEqual({ code: 0, text: "Nothing found in 1 file.\n" });
    expect((await run("src", "--rule", "increment-without-operation=off")).code).toBe(0);
    expect((await run("--exclude", "**/top*")).code).toBe(0);
  });

  it("takes files, folders and globs", async () => {
    expect((await run("src/top up.ts")).text).toContain("1 finding");
    expect((await run("src/*up.ts")).text).toContain("1 finding");
    expect((await run(".")).text).toContain("1 finding");
  });

  it("takes what is left out where a path names it, and of a glob what is code", async () => {
    expect((await run("dist")).text).toContain("dist/a.js");
    expect((await run("src/top-up.test.ts")).text).toContain("1 finding");
    put("src/notes.md", "# Notes");
    expect((await run("src/**")).text).toContain("in 3 files");
    rmSync(join(folder, "src/notes.md"));
  });

  it("knows the schema of the project, and who calls, where a path names one file", async () => {
    const look = "const old = await prisma.vote.findFirst({ where: { post, user } });";
    const act = "if (old === null) await prisma.vote.create({ data: { post, user } });";
    put("src/vote.ts", `export async function vote(post: number, user: number) {\n  ${look}\n  ${act}\n}\n`);
    const model = (unique: string): string =>
      `model Vote {\n  id Int @id\n  post Int\n  user Int\n  ${unique}\n}\n`;
    put("prisma/schema.prisma", model(""));
    expect((await run("src/vote.ts")).text).toContain("check-then-act");
    put("prisma/schema.prisma", model("@@unique([post, user])"));
    expect(await run("src/vote.ts")).toEqual({ code: 0, text: "Nothing found in 1 file.\n" });
    rmSync(join(folder, "prisma"), { recursive: true });
    put("src/vote.ts", `export const add = async (tx) => {\n  ${WRITE.replace("prisma", "tx")}\n};\n`);
    expect((await run("src/vote.ts")).code).toBe(1);
    put("src/caller.ts", "await prisma.$once(op, async (tx) => add(tx));\n");
    expect((await run("src/vote.ts")).code).toBe(0);
    for (const name of ["vote", "caller"]) rmSync(join(folder, `src/${name}.ts`));
  });

  it("refuses what is not there", async () => {
    expect(await run("nowhere")).toMatchObject({
      code: 2,
      text: expect.stringContaining("no file or folder nowhere"),
    });
    expect(await run("--rule", "x=off")).toMatchObject({
      code: 2,
      text: expect.stringContaining('no rule "x"'),
    });
    expect(await run("--rule", "raw-increment=loud")).toMatchObject({ code: 2 });
    put("lint.json", JSON.stringify({ exlude: [] }));
    expect(await run("--config", "lint.json")).toMatchObject({
      code: 2,
      text: expect.stringContaining("no option `exlude`"),
    });
  });

  it("reads its configuration from package.json, or from a file", async () => {
    put("lint.json", JSON.stringify({ rules: { "increment-without-operation": "error" } }));
    expect((await run("--config", "lint.json")).text).toContain("1 error, 0 warnings");
    put("package.json", JSON.stringify({ opledger: { lint: { exclude: ["src/top*"] } } }));
    expect((await run()).code).toBe(0);
    rmSync(join(folder, "package.json"));
  });

  it("prints JSON", async () => {
    const { code, text } = await run("--json");
    expect(code).toBe(1);
    expect(JSON.parse(text)).toMatchObject({
      filesRead: 3,
      findings: [
        {
          rule: "increment-without-operation",
          path: "src/top up.ts",
          start: { line: 2, column: 56 },
          level: "warning",
        },
      ],
      unparsed: [{ path: "src/broken.ts" }],
    });
  });

  it("prints SARIF", async () => {
    const { code, text } = await run("--format", "sarif");
    expect(code).toBe(1);
    const sarif = JSON.parse(text);
    expect(sarif).toMatchObject({
      version: "2.1.0",
      runs: [
        {
          tool: { driver: { name: "opledger" } },
          results: [
            {
              ruleId: "increment-without-operation",
              ruleIndex: 0,
              level: "warning",
              locations: [
                {
                  physicalLocation: {
                    artifactLocation: { uri: "src/top%20up.ts", uriBaseId: "PROJECT" },
                    region: { startLine: 2, startColumn: 56 },
                  },
                },
              ],
            },
          ],
        },
      ],
    });
    expect(sarifFaults(sarif)).toEqual([]);
    const [{ tool, results }] = sarif.runs;
    expect(tool.driver.rules.map(({ id }: { id: string }) => id)).toEqual(ALL_RULES.map(({ id }) => id));
    for (const { region } of results.map(
      (each: { locations: [{ physicalLocation: object }] }) => each.locations[0].physicalLocation,
    )) {
      expect(region.endColumn).toBeGreaterThan(region.startColumn);
    }
  });
});

describe("what is not SARIF", () => {
  const changed = async (change: (run: Record<string, unknown>) => void): Promise<string[]> => {
    const sarif = JSON.parse((await run("--format", "sarif")).text);
    change(sarif.runs[0]);
    return sarifFaults(sarif);
  };

  it("is noticed", async () => {
    expect(await changed(() => undefined)).toEqual([]);
    expect(await changed((each) => delete each.tool)).toEqual(["$.runs.0 lacks tool"]);
    expect(await changed((each) => Object.assign(each, { findings: [] }))).toEqual(["$.runs.0 has findings"]);
    expect(await changed((each) => Object.assign(each, { results: {} }))).toEqual([
      "$.runs.0.results is no result[]",
    ]);
    const region = { startLine: 0 };
    const result = { message: { text: "x" }, level: "fatal", locations: [{ physicalLocation: { region } }] };
    expect(await changed((each) => Object.assign(each, { results: [result] }))).toEqual([
      "$.runs.0.results.0.level is fatal",
      "$.runs.0.results.0.locations.0.physicalLocation.region.startLine is no number: 0",
    ]);
  });
});

describe("a comment", () => {
  const ignore = (comment: string, code = WRITE): string[] => found(`${comment}\n${code}`);

  it.each([
    "// opledger-ignore increment-without-operation: counted twice is fine",
    "/* opledger-ignore increment-without-operation: counted twice is fine */",
    "// opledger-ignore raw-increment, increment-without-operation: both",
    "// opledger-ignore-file increment-without-operation: a counter\n\n\n",
  ])("silences: %s", (comment) => expect(ignore(comment)).toEqual([]));

  it("silences on the same line, and above a statement of several", () => {
    expect(found(`${WRITE} // opledger-ignore increment-without-operation: fine`)).toEqual([]);
    const long = WRITE.replaceAll(", data", ",\n  data").replace("credits", "\n  credits");
    expect(ignore("// opledger-ignore increment-without-operation: fine", long)).toEqual([]);
  });

  it.each([
    ["// opledger-ignore increment-without-operation", ["invalid-ignore:1", "increment-without-operation:2"]],
    ["// opledger-ignore increments: typo", ["invalid-ignore:1", "increment-without-operation:2"]],
    ["// opledger-ignore", ["invalid-ignore:1", "increment-without-operation:2"]],
    ["// opledger-ignore raw-increment: another rule", ["invalid-ignore:1", "increment-without-operation:2"]],
    [
      "// opledger-ignore increment-without-operation: too far\n\n",
      ["invalid-ignore:1", "increment-without-operation:4"],
    ],
    ["// opledger is great", ["increment-without-operation:2"]],
  ])("does not silence: %s", (comment, expected) => expect(ignore(comment)).toEqual(expected));

  it("is counted", () => {
    const text = `// opledger-ignore increment-without-operation: fine\n${WRITE}`;
    expect(lint([...PROJECT, { path: "a.ts", text }])).toMatchObject({ findings: [], ignored: 1 });
  });
});

describe("docs/lint.md", () => {
  const text = readFileSync(new URL("../../../docs/lint.md", import.meta.url), "utf8");
  const sections = text.split(/^## /m).slice(1);

  it("has one heading for each rule, in their order", () => {
    const headings = sections
      .map((section) => section.split("\n")[0] ?? "")
      .filter((each) => /^[a-z-]+$/.test(each));
    expect(headings).toEqual(ALL_RULES.map(({ id }) => id));
  });
});
