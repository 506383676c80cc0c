import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Engine } from "../../src/migrations/index.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A second version of the ledger, such as a later opledger may bring: a column, an index on it, and the mark. */
const SECOND: Readonly<Record<Engine, readonly string[]>> = {
  postgres: [
    `ALTER TABLE "public"."opledger_operations" ADD COLUMN priority integer`,
    `CREATE INDEX "opledger_operations_priority_idx" ON "public"."opledger_operations" (priority)`,
    `COMMENT ON TABLE "public"."opledger_operations" IS 'opledger ledger, version 2'`,
  ],
  mysql: ofMysql(),
  mariadb: ofMysql(),
  sqlite: [
    "ALTER TABLE `opledger_operations` ADD COLUMN priority integer",
    "CREATE INDEX `opledger_operations_priority_idx` ON `opledger_operations` (priority)",
    "DROP VIEW `opledger_operations_version`",
    "CREATE VIEW `opledger_operations_version` AS SELECT 2 AS version",
  ],
};

function ofMysql(): string[] {
  return [
    "ALTER TABLE `opledger_operations` ADD COLUMN priority integer",
    "CREATE INDEX `opledger_operations_priority_idx` ON `opledger_operations` (priority)",
    "ALTER TABLE `opledger_operations` COMMENT = 'opledger ledger, version 2'",
  ];
}

/** Copies the built package into a folder, and plants a second version in it. */
export function plantSecondVersion(
  engine: Engine,
  folder: string,
): { readonly dist: string; readonly program: string } {
  for (const part of ["dist", "migrations", "package.json"])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  const migrations = join(folder, "migrations", engine);
  mkdirSync(migrations, { recursive: true });
  const up = SECOND[engine].map((statement) => `${statement};\n`).join("\n");
  writeFileSync(join(migrations, "0002_priority.up.sql"), up);
  const down = SECOND[engine][0]?.replace("ADD COLUMN priority integer", "DROP COLUMN priority");
  writeFileSync(join(migrations, "0002_priority.down.sql"), `${down};\n`);
  return { dist: join(folder, "dist"), program: join(folder, "dist/cli/main.js") };
}
