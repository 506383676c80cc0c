import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DataSource, type DataSourceOptions } from "typeorm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createLedger,
  idempotency,
  ledgerMigration,
  operationLedger,
} from "../../src/adapters/typeorm/index.js";
import { ENGINES, emptyDatabase, optionsOf, unavailable } from "./database.js";
import { Account, ENTITIES } from "./entities.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CLI = join(ROOT, "node_modules/typeorm/cli.js");

describe.each(ENGINES)("the ledger's schema through TypeORM on %s", (engine) => {
  describe.skipIf(unavailable(engine) !== undefined)("is that of its migrations", () => {
    const Operations = operationLedger();
    const Migration = ledgerMigration({ timestamp: 1795319756731 });
    let database: { url?: string; drop(): Promise<void> };
    let dataSource: DataSource;

    beforeAll(async () => {
      database = await emptyDatabase(engine);
      dataSource = await new DataSource({
        ...optionsOf(engine, database.url),
        entities: [...ENTITIES, Operations],
        migrations: [Migration],
        synchronize: true,
      } as DataSourceOptions).initialize();
    });
    afterAll(async () => {
      await dataSource?.destroy();
      await database?.drop();
    });

    it("a missing ledger is a typed error that names the command", async () => {
      const missing = createLedger(dataSource).once({ operation: "early", key: "1" }, () => 1);
      await expect(missing).rejects.toMatchObject({ code: "OPLEDGER_LEDGER_SCHEMA" });
    });

    it("is made by migration:run, undone by migration:revert, and made again", async () => {
      const ledger = idempotency(dataSource);
      expect((await dataSource.runMigrations()).map(({ name }) => name)).toEqual([
        "OpledgerLedgerV11795319756731",
      ]);
      expect(await ledger.once({ operation: "first", key: "1" }, () => 1)).toMatchObject({
        status: "executed",
      });
      await dataSource.undoLastMigration();
      await expect(ledger.once({ operation: "second", key: "1" }, () => 1)).rejects.toMatchObject({
        code: "OPLEDGER_LEDGER_SCHEMA",
      });
      await dataSource.runMigrations();
      expect(await ledger.once({ operation: "first", key: "1" }, () => 1)).toMatchObject({
        status: "executed",
      });
    });

    it("is left alone by synchronize and by what migration:generate asks", async () => {
      const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
      expect(upQueries.map(({ query }) => query)).toEqual([]);
      await dataSource.synchronize();
      expect(await idempotency(dataSource).inspect({ operation: "first", key: "1" })).toMatchObject({
        value: 1,
      });
    });

    it("can be read as an entity", async () => {
      const rows = await dataSource.getRepository(Operations).findBy({ operation: "first" });
      expect(rows).toMatchObject([{ scope: "", operation: "first", key: "1", state: 1 }]);
    });

    it("the column of @OperationId() is unique", async () => {
      const { indices, uniques } = dataSource.getMetadata("Payment");
      const unique = [...uniques, ...indices.filter(({ isUnique }) => isUnique)];
      expect(unique.flatMap(({ columns }) => columns.map(({ propertyName }) => propertyName))).toContain(
        "operationId",
      );
      expect(dataSource.getMetadata(Account).versionColumn?.databaseName).toBe("version");
    });
  });
});

describe.each(ENGINES)("TypeORM's own command line on %s", (engine) => {
  describe.skipIf(unavailable(engine) !== undefined)("takes the ledger's migration", () => {
    let folder: string;
    let database: { url?: string; drop(): Promise<void> };
    beforeAll(async () => {
      mkdirSync(join(ROOT, ".cache"), { recursive: true });
      folder = mkdtempSync(join(ROOT, ".cache", "typeorm-cli-"));
      database = await emptyDatabase(engine);
      // A file, since each command is a process of its own.
      const options =
        engine === "sqljs"
          ? { type: engine, location: join(folder, "test.db"), autoSave: true }
          : optionsOf(engine, database.url);
      writeFileSync(
        join(folder, "data-source.mjs"),
        `import { DataSource, EntitySchema, Table } from "typeorm";
import { ledgerMigration, operationLedger } from "opledger/typeorm";
const Ledger = ledgerMigration({ timestamp: 1795319756731 });
const Item = new EntitySchema({
  name: "Item", tableName: "items",
  columns: { id: { type: "int", primary: true }, version: { type: "int", version: true } },
});
class Items1795319756732 {
  name = "Items1795319756732";
  async up(runner) {
    await runner.createTable(new Table({
      name: "items",
      columns: [{ name: "id", type: "integer", isPrimary: true }, { name: "version", type: "integer" }],
    }));
  }
  async down(runner) { await runner.dropTable("items"); }
}
export default new DataSource({
  ...${JSON.stringify(options)},
  entities: [Item, operationLedger()], migrations: [Ledger, Items1795319756732],
});
`,
      );
    });
    afterAll(async () => {
      rmSync(folder, { recursive: true, force: true });
      await database?.drop();
    });

    const cli = (...given: string[]) => {
      const found = spawnSync(process.execPath, [CLI, ...given, "-d", join(folder, "data-source.mjs")], {
        cwd: ROOT,
        encoding: "utf8",
      });
      return { status: found.status, output: found.stdout + found.stderr };
    };

    it("runs it, finds nothing to generate, reverts it, and runs it again", () => {
      const ran = cli("migration:run");
      expect(ran.output).toContain("OpledgerLedgerV11795319756731");
      expect(ran.status).toBe(0);
      const checked = cli("migration:generate", join(folder, "Again"), "--check");
      expect(checked.output).toContain("No changes in database schema were found");
      expect(checked.status).toBe(0);
      expect(cli("migration:revert").status).toBe(0);
      const reverted = cli("migration:revert");
      expect(reverted.output).toContain("OpledgerLedgerV11795319756731");
      expect(reverted.status).toBe(0);
      expect(cli("migration:run", "--transaction", "each").status).toBe(0);
    });
  });
});
