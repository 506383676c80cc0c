import { readdirSync, readFileSync } from "node:fs";

const FOLDER = new URL("../../prisma/migrations/", import.meta.url);

/** The folders of prisma/migrations: one per database, since a lock file names one. */
export const MIGRATED = ["postgresql", "mysql", "mariadb", "sqlite"] as const;
export type Migrated = (typeof MIGRATED)[number];

/** What of the migrations makes the ledger, and what the tables of the test schema. */
export type MigrationPart = "opledger" | "tables";

/** The texts of a database's migrations, in order; each is several statements, to be sent as one text. */
export function migrationTexts(database: Migrated, part: MigrationPart): string[] {
  // MariaDB's tables are MySQL's; its ledger is its own.
  const folder = new URL(`${database === "mariadb" && part === "tables" ? "mysql" : database}/`, FOLDER);
  return readdirSync(folder)
    .filter((name) => name.includes(`_${part}`))
    .sort()
    .map((name) => readFileSync(new URL(`${name}/migration.sql`, folder), "utf8"));
}

export function migrationLock(database: Migrated): string {
  return readFileSync(new URL(`${database}/migration_lock.toml`, FOLDER), "utf8");
}
