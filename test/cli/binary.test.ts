import { afterEach, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands/index.js";
import { availableEngines, openDatabase } from "./database.js";
import { newProject, type Project } from "./project.js";
import { answer, BINARY, opledger, run } from "./run.js";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

function project(files: Readonly<Record<string, string>>): Project {
  const made = newProject(files);
  cleanups.push(() => made.remove());
  return made;
}

const WRITES = ["--for", "sql", "--engine", "sqlite"];
const CHANGES = [...WRITES, "--table", "accounts"];

/** What commands must be given. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  "migration create": WRITES,
  "migration add version": CHANGES,
  "migration add operation-id": CHANGES,
  "migration add unique": [...CHANGES, "--columns", "email"],
  "migration add version-guard": CHANGES,
  "migration add counter-log": [...CHANGES, "--column", "likes"],
  show: ["a", "b", "c"],
  forget: ["--scope", "a"],
};

describe.each(COMMANDS.map(({ path }) => path))("opledger %s", (path) => {
  const words = path.split(" ");

  it("prints its help, with an example, as what was asked for", async () => {
    const { exitCode, stdout, stderr } = await opledger([...words, "--help"]);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`Usage: opledger ${path}`);
    expect(stdout).toContain(`$ npx opledger ${path}`);
    expect(stdout).toContain("--json");
  });

  it("refuses what it does not know, as text and as JSON, and does nothing", async () => {
    const { folder, files } = project({ "package.json": "{}" });
    const args = [...words, ...(NEEDED[path] ?? []), "--jsonn"];
    const text = await opledger(args, { cwd: folder });
    expect([text.exitCode, text.stdout]).toEqual([2, ""]);
    expect(text.stderr).toMatch(
      /^error unknown option '--jsonn'\n\(Did you mean --json\?\)\n {2}try add --help/,
    );
    const json = await opledger([...args, "--json"], { cwd: folder });
    expect([json.exitCode, json.stderr]).toEqual([2, ""]);
    expect(JSON.parse(json.stdout)).toEqual({
      error: {
        code: "commander.unknownOption",
        exitCode: 2,
        hint: expect.stringContaining("--help"),
        message: expect.stringContaining("--jsonn"),
      },
    });
    expect(files()).toEqual(["package.json"]);
  });
});

describe("opledger", () => {
  it("prints its version, and its help where nothing is asked for", async () => {
    expect(await opledger(["--version"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
    expect(await opledger(["--help"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("Exit codes:"),
    });
    for (const group of [[], ["migration"], ["migration", "add"]]) {
      const { exitCode, stdout, stderr } = await opledger(group);
      expect([exitCode, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(/Usage: opledger/);
    }
  });

  it("says which command may have been meant", async () => {
    const { exitCode, stderr } = await opledger(["docter"]);
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringMatching(/unknown command 'docter'\n\(Did you mean doctor\?\)/),
    ]);
  });

  it("ends well where nobody reads to the end, and where nothing can be read from", async () => {
    const line = (rest: string): string => `set -o pipefail; '${process.execPath}' '${BINARY}' ${rest}`;
    expect(await run("bash", ["-c", line("--help | head -1")])).toMatchObject({ exitCode: 0 });
    const closed = line("forget --scope a --url file:never-made.db <&-");
    expect(await run("bash", ["-c", closed])).toMatchObject({ exitCode: 3, stdout: "" });
  });

  it("has no colours in a pipe, unless they are asked for", async () => {
    const args = ["doctor", "--url", "file:never-made.db"];
    expect((await opledger(args)).stderr).toMatch(/^error /);
    expect((await opledger(args, { env: { FORCE_COLOR: "1" } })).stderr).toContain("\u001b[31merror");
    expect((await opledger(args, { env: { FORCE_COLOR: "1", NO_COLOR: "1" } })).stderr).toMatch(/^error /);
  });
});

describe.each(availableEngines())("opledger doctor on %s", (engine) => {
  it("finds no ledger, and then one, as text and as JSON", async () => {
    const database = await openDatabase(engine);
    cleanups.push(() => database.drop());
    const args = ["doctor", "--url", database.url];
    const before = await opledger([...args, "--json"]);
    expect([before.exitCode, before.stderr]).toEqual([1, ""]);
    const { findings } = JSON.parse(before.stdout);
    expect(findings[0]).toMatchObject({ id: "ledger-missing", severity: "error" });
    await answer(["migrate", "--url", database.url]);
    const after = await opledger([...args, "--json"]);
    // The tests' own server is set for speed, and so not as an application's should be.
    expect(JSON.parse(after.stdout)).toMatchObject({
      engine,
      passed: expect.arrayContaining(["ledger-missing", "ledger-altered"]),
    });
    const text = await opledger(args);
    expect([text.exitCode, text.stderr]).toEqual([after.exitCode, ""]);
    expect(text.stdout).toMatch(new RegExp(`^${engine} \\S+.* at .*, ledger \\S*opledger_operations\n`));
  });
});

describe("opledger lint", () => {
  it("reads a project, and tells by its code whether something was found", async () => {
    const { folder, write } = project({
      "prisma/schema.prisma":
        'datasource db {\n  provider = "mysql"\n}\nmodel Account {\n  id Int @id\n  credits Int\n}\n',
      "src/a.ts": "export const one = 1;\n",
    });
    expect(await opledger(["lint"], { cwd: folder })).toMatchObject({ exitCode: 0, stderr: "" });
    write(
      "src/b.ts",
      "await prisma.account.update({ where: { id }, data: { credits: { increment: 1 } } });\n",
    );
    const text = await opledger(["lint"], { cwd: folder });
    expect([text.exitCode, text.stderr]).toEqual([1, ""]);
    expect(text.stdout).toMatch(/^src\/b\.ts\n {4}1:\d+ {2}warning/);
    const json = await opledger(["lint", "--json"], { cwd: folder });
    expect(JSON.parse(json.stdout).findings).toMatchObject([
      { rule: "increment-without-operation", path: "src/b.ts" },
    ]);
    const sarif = await opledger(["lint", "--format", "sarif"], { cwd: folder });
    expect([sarif.exitCode, JSON.parse(sarif.stdout).runs[0].results.length]).toEqual([1, 1]);
  });
});
