import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createClient } from "@libsql/client";
import { PrismaLibSql } from "@prisma/adapter-libsql";
import { PrismaPg } from "@prisma/adapter-pg";
import mysql from "mysql2/promise";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Engine, ledgerMigrations } from "../../src/migrations/index.js";
import { createDatabase, serverUrl } from "../servers/use.js";
import { columnsOf } from "./columns.js";
import { MIGRATED, type Migrated, migrationLock, migrationTexts } from "./migrations.js";
import { type SchemaFiles, schemaDiff } from "./schema-engine.js";

const ENGINES: Readonly<Record<Migrated, Engine>> = {
  postgresql: "postgres",
  mysql: "mysql",
  mariadb: "mariadb",
  sqlite: "sqlite",
};
/** What Prisma calls an empty difference. */
const NOTHING = "-- This is an empty migration.\n";

function file(name: string): string {
  return readFileSync(new URL(`../../prisma/${name}`, import.meta.url), "utf8");
}

const HEAD = (provider: string): string => `datasource db {\n  provider = "${provider}"\n}\n`;
const scratch = mkdtempSync(join(tmpdir(), "opledger-prisma-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.each(MIGRATED)("prisma/migrations/%s", (database) => {
  it("holds the ledger's migrations as they are shipped", async () => {
    const shipped = ledgerMigrations(ENGINES[database]);
    expect(migrationTexts(database, "opledger")).toHaveLength(shipped.length);
    const [first] = shipped;
    // `vitest -u` brings it up to date. A further step of the ledger will be a folder of its own.
    await expect(first?.up).toMatchFileSnapshot(
      `../../prisma/migrations/${database}/20261125000000_opledger/migration.sql`,
    );
  });

  it("is locked to the provider", () => {
    const provider = database === "mariadb" ? "mysql" : database;
    expect(migrationLock(database)).toContain(`provider = "${provider}"`);
  });
});

it("the package holds the ledger's models and migrations, and not the tests' tables", async () => {
  const pack = ["pack", "--dry-run", "--ignore-scripts", "--json"];
  const { stdout } = await promisify(execFile)("npm", pack, { maxBuffer: 2 ** 24 });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const shipped = files.map(({ path }) => path).filter((path) => path.startsWith("prisma/"));
  const models = ["mysql", "postgresql", "sqlite"].map((name) => `prisma/ledger/${name}.prisma`);
  const folders = MIGRATED.flatMap((database) => [
    `prisma/migrations/${database}/20261125000000_opledger/migration.sql`,
    `prisma/migrations/${database}/migration_lock.toml`,
  ]);
  expect(shipped.sort()).toEqual([...models, ...folders].sort());
});

describe.skipIf(serverUrl("postgres15") === undefined)(
  "the schemas agree with the migrations: PostgreSQL",
  () => {
    let database: Awaited<ReturnType<typeof createDatabase>>;
    const adapter = (): PrismaPg => new PrismaPg({ connectionString: database.url });
    const schema: SchemaFiles = { "schema.prisma": file("schema.prisma") };
    // A schema that names its schemas must say of each model where it is.
    const ledger = file("ledger/postgresql.prisma").replace(/\}\s*$/, '  @@schema("public")\n}\n');

    beforeAll(async () => {
      database = await createDatabase("postgres15");
      const client = new pg.Client(database.url);
      await client.connect();
      for (const part of ["opledger", "tables"] as const) {
        for (const text of migrationTexts("postgresql", part)) await client.query(text);
      }
      await client.end();
    });
    afterAll(() => database?.drop());

    it("the tables are what Prisma makes of the schema", async () => {
      expect(await schemaDiff(adapter(), "empty", schema)).toBe(
        migrationTexts("postgresql", "tables").join(""),
      );
    });

    it("the ledger's model is no drift, beside a schema and alone", async () => {
      expect(await schemaDiff(adapter(), "database", { ...schema, "ledger.prisma": ledger })).toBe(NOTHING);
    });

    it("without the model the ledger is one", async () => {
      expect(await schemaDiff(adapter(), "database", schema)).toContain('DROP TABLE "opledger_operations"');
    });

    it.each([
      ["a type", "state       Int      @db.SmallInt", "state Int"],
      ["what may be null", "result      Bytes?", "result Bytes"],
      ["an index", "@@index([expiresAt], type: Brin)", "@@index([expiresAt])"],
      ["a column", "  scope       String\n", ""],
    ])("a model that differs in %s is one", async (_, from, to) => {
      const changed = ledger.replace(from, to);
      expect(changed).not.toBe(ledger);
      expect(await schemaDiff(adapter(), "database", { ...schema, "ledger.prisma": changed })).not.toBe(
        NOTHING,
      );
    });
  },
);

describe("the schemas agree with the migrations: SQLite", () => {
  const url = `file:${join(scratch, "ledger.db")}`;
  const ledger = file("ledger/sqlite.prisma");

  beforeAll(async () => {
    const client = createClient({ url });
    for (const text of migrationTexts("sqlite", "opledger")) await client.executeMultiple(text);
    client.close();
  });

  it("the tables are what Prisma makes of the schema", async () => {
    const made = await schemaDiff(new PrismaLibSql({ url }), "empty", {
      "schema.prisma": file("sqlite.prisma"),
    });
    expect(made).toBe(migrationTexts("sqlite", "tables").join(""));
  });

  it("the ledger's model is no drift", async () => {
    const files = { "schema.prisma": HEAD("sqlite"), "ledger.prisma": ledger };
    expect(await schemaDiff(new PrismaLibSql({ url }), "database", files)).toBe(NOTHING);
  });

  it("without the model the ledger is none where it is declared to be nobody's business", async () => {
    const files = { "schema.prisma": HEAD("sqlite") };
    const adapter = new PrismaLibSql({ url });
    expect(await schemaDiff(adapter, "database", files)).toContain('DROP TABLE "opledger_operations"');
    expect(await schemaDiff(adapter, "database", files, ["opledger_operations"])).toBe(NOTHING);
  });

  it.each([
    ["a type", "state       Int", "state String"],
    ["what may be null", "result      Bytes?", "result Bytes"],
    ["an index", "@@index([expiresAt])", ""],
  ])("a model that differs in %s is one", async (_, from, to) => {
    const files = { "schema.prisma": HEAD("sqlite"), "ledger.prisma": ledger.replace(from, to) };
    expect(await schemaDiff(new PrismaLibSql({ url }), "database", files)).not.toBe(NOTHING);
  });
});

// The schema engine cannot be asked about these, so their catalogue is.
describe.each(["mysql", "mariadb"] as const)("the schemas agree with the migrations: %s", (database) => {
  const url = serverUrl(database);

  it.skipIf(url === undefined).each([
    ["the ledger", `${HEAD("mysql")}${file("ledger/mysql.prisma")}`],
    ["the tables", file("mysql.prisma")],
  ])("%s", async (_, schema) => {
    const name = `prisma_${process.pid}_${Math.trunc(Math.random() * 1e9)}`;
    const connection = await mysql.createConnection({ uri: url ?? "", multipleStatements: true });
    try {
      await connection.query(`CREATE DATABASE ${name}; USE ${name}`);
      for (const part of ["opledger", "tables"] as const) {
        for (const text of migrationTexts(database, part)) await connection.query(text);
      }
      const [rows] = await connection.query<mysql.RowDataPacket[]>(
        `SELECT table_name AS t, column_name AS c, LOWER(column_type) AS type, is_nullable = 'YES' AS nullable
        FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position`,
      );
      const found = rows.map(({ t, c, type, nullable }) => ({
        column: `${t}.${c}`,
        type,
        nullable: nullable === 1,
      }));
      const wanted = await columnsOf(schema, join(scratch, `${name}`));
      const tables = new Set(wanted.map(({ column }) => column.split(".")[0]));
      const relevant = found.filter(({ column }) => tables.has(column.split(".")[0]));
      expect(relevant.map(normalized)).toEqual(wanted);
    } finally {
      await connection.query(`DROP DATABASE IF EXISTS ${name}`);
      await connection.end();
    }
  });
});

/** Widths of integers mean nothing, and MariaDB calls JSON what it stores it as. */
function normalized<C extends { readonly type: string }>(column: C): C {
  const type = column.type
    .replace(/^(tinyint|smallint|int|bigint)\(\d+\)$/, "$1")
    .replace("longtext", "json");
  return { ...column, type };
}
