import { readdirSync, readFileSync } from "node:fs";
import { quote } from "../dialects/postgres/sql.js";

/** Engines that the ledger's schema is shipped for, and how each quotes a name. */
const QUOTE: Record<Engine, (name: string) => string> = { postgres: quote };

export type Engine = "postgres";

export interface MigrationOptions {
  /** The ledger's schema; `public` unless given. It must exist. */
  readonly schema?: string | undefined;
  /** The ledger's table; `opledger_operations` unless given. Indexes and functions are named after it. */
  readonly table?: string | undefined;
}

/** One step of the ledger's schema. Each is to be run as one transaction. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  /** SQL that takes the schema from the version before to this one. */
  readonly up: string;
  /** SQL that undoes `up`. The ledger's rows are lost with it. */
  readonly down: string;
}

const FOLDER = new URL("../../migrations/", import.meta.url);
const FILE = /^(\d{4})_(\w+)\.up\.sql$/;

/**
 * The ledger's schema, step by step, oldest first: the SQL shipped in the package's `migrations` folder, with the names
 * asked for.
 *
 * @throws {TypeError} a name is not one that the engine keeps whole
 */
export function ledgerMigrations(engine: Engine, options: MigrationOptions = {}): Migration[] {
  const folder = new URL(`${engine}/`, FOLDER);
  const render = (file: string): string =>
    renamed(readFileSync(new URL(file, folder), "utf8"), engine, options);
  return readdirSync(folder)
    .sort()
    .flatMap((file) => {
      const [, version, name] = FILE.exec(file) ?? [];
      if (version === undefined || name === undefined) return [];
      const down = render(file.replace(".up.sql", ".down.sql"));
      return [{ version: Number(version), name, up: render(file), down }];
    });
}

function renamed(
  sql: string,
  engine: Engine,
  { schema = "public", table = "opledger_operations" }: MigrationOptions,
): string {
  const name = QUOTE[engine];
  return sql
    .replaceAll(`"public"`, () => name(schema))
    .replaceAll(/"opledger_operations(\w*)"/g, (_, suffix: string) => name(table + suffix));
}
