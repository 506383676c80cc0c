import { PrismaLibSql } from "@prisma/adapter-libsql";
import { PrismaPg } from "@prisma/adapter-pg";
import { afterEach, describe, expect, it } from "vitest";
import { schemaDiff } from "../prisma/schema-engine.js";
import { availableEngines, openDatabase } from "./database.js";
import { newProject } from "./project.js";
import { answer } from "./run.js";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

/** What Prisma calls an empty difference. */
const NOTHING = "-- This is an empty migration.\n";

const PATTERNS: readonly (readonly string[])[] = [
  ["version"],
  ["operation-id"],
  ["unique", "--columns", "tenant,email"],
  ["unique", "--columns", "email"],
  ["counter-log", "--column", "likes", "--key-type", "integer"],
];

// MySQL and MariaDB are left out: the schema engine cannot be asked about them.
const ENGINES = {
  postgres: {
    provider: "postgresql",
    email: "@db.VarChar(100)",
    adapter: (url: string) => new PrismaPg(url),
  },
  sqlite: { provider: "sqlite", email: "", adapter: (url: string) => new PrismaLibSql({ url }) },
} as const;

const available = availableEngines().filter((engine) => engine === "postgres" || engine === "sqlite");

describe.each(available)("the Prisma change that goes with migration add on %s", (engine) => {
  const { provider, email, adapter } = ENGINES[engine];

  /** The schema with more lines in its model, and more models. */
  const schema = (lines: string, models: string): string => `datasource db {
  provider = "${provider}"
}

model Accounts {
  id Int @id
  email String? ${email}
  tenant Int?
  likes BigInt @default(0)
${lines}
  @@map("accounts")
}

${models}
`;

  it.each(PATTERNS.map((pattern) => [pattern]))("%j leaves Prisma nothing to do", async (pattern) => {
    const database = await openDatabase(engine);
    cleanups.push(() => database.drop());
    await database.query(
      "CREATE TABLE accounts (id integer PRIMARY KEY, email varchar(100), tenant integer, likes bigint NOT NULL DEFAULT 0)",
    );
    const made = newProject();
    cleanups.push(() => made.remove());
    const args = [
      "migration",
      "add",
      ...pattern,
      "--table",
      "accounts",
      "--for",
      "prisma",
      "--engine",
      engine,
    ];
    const { written, schemaChange } = (await answer(args, { cwd: made.folder })) as {
      written: string[];
      schemaChange: string;
    };
    for (const file of [...written].sort()) await database.script(made.read(file));
    const [, lines] = /^model Accounts \{\n([\s\S]*)\n\}$/.exec(schemaChange) ?? [];
    const before = schema("", "");
    const after = lines === undefined ? schema("", schemaChange) : schema(lines, "");
    const diff = (text: string) => schemaDiff(adapter(database.url), "database", { "schema.prisma": text });
    expect(await diff(after)).toBe(NOTHING);
    expect(await diff(before)).not.toBe(NOTHING);
  });
});
