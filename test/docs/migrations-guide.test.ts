import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { openDatabase } from "../cli/database.js";
import { newProject } from "../cli/project.js";
import { answer, BINARY, type Ran, run } from "../cli/run.js";
import { serverUrl } from "../servers/use.js";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const GUIDE = readFileSync(new URL("../../docs/guides/migrations.md", import.meta.url), "utf8");

/** The lines of the guide's blocks of a language. */
function blocks(language: string): string[] {
  return [...GUIDE.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)\`\`\`$`, "gm"))].map(
    ([, text = ""]) => text,
  );
}

/** Command lines that end otherwise, and what they say then: no terminal to ask on, and an operation that was never run. */
const OTHERWISE: readonly (readonly [RegExp, number, RegExp])[] = [
  [/^npx opledger forget/, 2, /add --yes/],
  [/^npx opledger show/, 1, /holds no such operation/],
];

describe.skipIf(serverUrl("postgres15") === undefined)("docs/guides/migrations.md", () => {
  it("its command lines run, one after the other, in a project", { timeout: 120_000 }, async () => {
    const database = await openDatabase("postgres");
    cleanups.push(() => database.drop());
    const schema =
      'datasource db {\n  provider = "postgresql"\n}\n\nmodel User {\n  id Int @id\n  email String\n}\n';
    const project = newProject({ "package.json": '{ "type": "module" }', "prisma/schema.prisma": schema });
    cleanups.push(() => project.remove());
    const lines = blocks("sh").flatMap((text) => text.split("\n").filter((line) => line !== ""));
    expect(lines.length).toBeGreaterThan(8);
    const env = { ...process.env, DATABASE_URL: database.url };
    const ends: { line: string; ran: Ran }[] = [];
    for (const line of lines) {
      expect(line).toMatch(/^npx opledger /);
      const command = line.replace(/^npx opledger/, `'${process.execPath}' '${BINARY}'`);
      ends.push({ line, ran: await run("bash", ["-c", command], { cwd: project.folder, env }) });
    }
    for (const { line, ran } of ends) {
      const [, exitCode = 0, said = /^/] = OTHERWISE.find(([pattern]) => pattern.test(line)) ?? [];
      expect(ran, `${line}\n${ran.stdout}${ran.stderr}`).toMatchObject({ exitCode });
      expect(ran.stdout + ran.stderr).toMatch(said);
    }
    expect(project.files().filter((file) => file.startsWith("prisma/migrations/"))).toHaveLength(1);
  });

  it("its SQL runs on a ledger in partitions", async () => {
    const database = await openDatabase("postgres");
    cleanups.push(() => database.drop());
    await answer(["migrate", "--partitions", "--url", database.url]);
    const [sql = ""] = blocks("sql");
    expect(sql).toContain("create_partitions");
    await database.script(sql);
  });
});
