import { afterEach, describe, expect, it } from "vitest";
import { availableEngines, openDatabase } from "./database.js";
import { newProject, type Project } from "./project.js";
import { answer, opledger } from "./run.js";

const made: Project[] = [];

afterEach(() => {
  for (const each of made.splice(0)) each.remove();
});

function project(files: Readonly<Record<string, string>>): Project {
  const each = newProject(files);
  made.push(each);
  return each;
}

const schema = (provider: string): string =>
  `datasource db {\n  provider = "${provider}"\n}\n\nmodel User {\n  id Int @id\n}\n`;
const dataSource = (type: string): string =>
  `import { DataSource } from "typeorm";\nexport default new DataSource({ type: "${type}", url: process.env.DATABASE_URL, entities: [] });\n`;

/** What lies in a project, and what `init` must find and write. */
const PROJECTS: readonly (readonly [string, Readonly<Record<string, string>>, object, RegExp])[] = [
  [
    "Prisma on PostgreSQL",
    { "package.json": "{}", "prisma/schema.prisma": schema("postgresql") },
    { tool: "prisma", engine: "postgres", because: "prisma/schema.prisma" },
    /^prisma\/migrations\/\d{14}_opledger_operations_v1\/migration\.sql$/,
  ],
  [
    "Prisma on SQLite, elsewhere",
    { "package.json": "{}", "packages/db/schema.prisma": schema("sqlite") },
    { tool: "prisma", engine: "sqlite", because: "packages/db/schema.prisma" },
    /^packages\/db\/migrations\/\d{14}_opledger_operations_v1\/migration\.sql$/,
  ],
  [
    "TypeORM in TypeScript",
    { "package.json": "{}", "tsconfig.json": "{}", "src/data-source.ts": dataSource("mariadb") },
    { tool: "typeorm", engine: "mariadb", because: "src/data-source.ts" },
    /^src\/migrations\/\d{13}-OpledgerOperationsV1\.ts$/,
  ],
  [
    "TypeORM in JavaScript",
    { "package.json": '{ "type": "module" }', "db.js": dataSource("mysql") },
    { tool: "typeorm", engine: "mysql", because: "db.js" },
    /^migrations\/\d{13}-OpledgerOperationsV1\.js$/,
  ],
  [
    "a driver and no ORM",
    { "package.json": '{ "dependencies": { "pg": "^8.0.0" } }' },
    { tool: "sql", engine: "postgres", because: "package.json" },
    /^migrations\/\d{14}_opledger_operations_v1\.down\.sql$/,
  ],
];

describe("opledger init", () => {
  it.each(PROJECTS)(
    "finds %s, writes its migration, and nothing the second time",
    async (_, files, found, path) => {
      const { folder, files: list, read } = project(files);
      const first = (await answer(["init"], { cwd: folder })) as {
        found: object;
        written: string[];
        code: string;
      };
      expect(first.found).toEqual(found);
      const [file = ""] = [...first.written].sort();
      expect(file).toMatch(path);
      expect(read(file)).toContain("opledger_operations");
      expect(first.code).toContain("opledger/");
      const after = list().map((name) => [name, read(name)]);
      const second = await answer(["init"], { cwd: folder });
      expect(second).toMatchObject({ found, written: [] });
      expect(list().map((name) => [name, read(name)])).toEqual(after);
      expect((await opledger(["init"], { cwd: folder })).stdout).toMatch(
        /has the ledger's migration already; nothing to write/,
      );
    },
  );

  it("shows a diff on a dry run, and writes nothing", async () => {
    const { folder, files } = project({ "package.json": "{}", "prisma/schema.prisma": schema("mysql") });
    const before = files();
    const { exitCode, stdout } = await opledger(["init", "--dry-run"], { cwd: folder });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Found Prisma on mysql \(prisma\/schema\.prisma\)\n/);
    expect(stdout).toMatch(
      /\n--- \/dev\/null\n\+\+\+ prisma\/migrations\/\d{14}_opledger_operations_v1\/migration\.sql\n@@ -0,0 \+1,\d+ @@\n\+-- opledger ledger/,
    );
    expect(files()).toEqual(before);
  });

  it("gives Prisma the ledger's model, unless the schema has it", async () => {
    const { folder, write, read } = project({
      "package.json": "{}",
      "prisma/schema.prisma": schema("postgresql"),
    });
    const { model } = (await answer(["init"], { cwd: folder })) as { model: string };
    expect(model).toMatch(/^model OpledgerOperation \{[\s\S]*@@map\("opledger_operations"\)\n\}$/m);
    write("prisma/schema.prisma", `${read("prisma/schema.prisma")}\n${model}\n`);
    expect(await answer(["init"], { cwd: folder })).not.toHaveProperty("model");
  });

  it.each([
    [
      "nothing",
      { "package.json": "{}" },
      [],
      /Did not find a Prisma schema, a TypeORM data source or a driver/,
    ],
    [
      "no engine",
      { "package.json": '{ "dependencies": { "typeorm": "1.0.0" } }' },
      [],
      /Did not find which database typeorm is for/,
    ],
    [
      "two tools",
      { "package.json": "{}", "prisma/schema.prisma": schema("mysql"), "db.js": dataSource("mysql") },
      [],
      /This project uses prisma \(prisma\/schema\.prisma\) and typeorm \(db\.js\)/,
    ],
  ])("asks for what it cannot find: %s", async (_, files, args, message) => {
    const each = project(files);
    const before = each.files();
    const { exitCode, stdout, stderr } = await opledger(["init", ...args], { cwd: each.folder });
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/--for prisma\|typeorm\|sql --engine/);
    expect(each.files()).toEqual(before);
  });

  describe.each(availableEngines().filter((engine) => engine === "mysql" || engine === "mariadb"))(
    "where the project says MySQL, and the server is %s",
    (engine) => {
      const files = { "package.json": "{}", "prisma/schema.prisma": schema("mysql") };

      it.each(["--url", "DATABASE_URL"])("asks the server that %s names", async (by) => {
        const database = await openDatabase(engine);
        const { folder, read } = project(files);
        const env = by === "--url" ? {} : { DATABASE_URL: database.url };
        try {
          const args = ["init", ...(by === "--url" ? ["--url", database.url] : [])];
          const said = await answer(args, { cwd: folder, env });
          expect(said).toMatchObject({ found: { tool: "prisma", engine } });
          expect(said).not.toHaveProperty("note");
          const [written = ""] = (said as { written: string[] }).written;
          // Which only this engine's server takes.
          await database.script(read(written));
          expect(await answer(["migrate", "--url", database.url])).toMatchObject({ from: 1, applied: [] });
          // Nobody is asked the second time.
          expect(await answer(["init"], { cwd: folder })).toMatchObject({ found: { engine }, written: [] });
        } finally {
          await database.drop();
        }
      });
    },
  );

  it("takes MySQL's word where no server can be asked, and says so", async () => {
    const files = { "package.json": "{}", "prisma/schema.prisma": schema("mysql") };
    const gone = "mysql://root@127.0.0.1:1/shop";
    const { folder } = project(files);
    const { stdout } = await opledger(["init", "--dry-run"], { cwd: folder });
    expect(stdout).toMatch(
      /^Found Prisma on mysql .*\n\n! taken for MySQL; where it is MariaDB, add --engine mariadb/,
    );
    const unanswered = await answer(["init", "--dry-run"], { cwd: folder, env: { DATABASE_URL: gone } });
    expect(unanswered).toMatchObject({ note: expect.stringMatching(/DATABASE_URL was not reached/) });
    const other = { DATABASE_URL: "postgres://127.0.0.1:1/shop" };
    expect(await answer(["init", "--dry-run"], { cwd: folder, env: other })).toHaveProperty("note");
    const chosen = await answer(["init", "--dry-run", "--engine", "mysql"], { cwd: folder });
    expect(chosen).not.toHaveProperty("note");
    expect((await opledger(["init", "--url", gone], { cwd: folder })).exitCode).toBe(3);
  });

  it("takes what the options say where a project says several things, or nothing", async () => {
    const both = project({
      "package.json": "{}",
      "prisma/schema.prisma": schema("mysql"),
      "db.js": dataSource("mysql"),
    });
    const args = ["init", "--for", "prisma", "--engine", "mariadb"];
    expect(await answer(args, { cwd: both.folder })).toMatchObject({
      found: { tool: "prisma", engine: "mariadb" },
    });
    const none = project({});
    const sql = ["init", "--for", "sql", "--engine", "sqlite", "--out", "db"];
    expect(((await answer(sql, { cwd: none.folder })) as { written: string[] }).written[0]).toMatch(/^db\//);
  });
});
