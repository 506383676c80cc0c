import type { Engine } from "../../migrations/index.js";
import type { Client } from "../database/client.js";
import type { OpenDatabase } from "../database/open.js";
import type { Patient } from "./check.js";

export interface PatientOptions {
  readonly waitMs: number;
  readonly now: () => number;
  /** Opens a second connection to the same database. */
  readonly beside: <T>(use: (client: Client) => Promise<T>) => Promise<T>;
}

/** Gets a connected database ready to be examined. */
export async function patientOf(database: OpenDatabase, options: PatientOptions): Promise<Patient> {
  const { engine, version, names } = database;
  const { rows, one } = readerOf(database);
  const schema = names.schema ?? (engine === "postgres" ? "public" : null);
  const settings = await readSettings(database);
  return {
    ...{ engine, version, rows, one, schema, table: names.table, waitMs: options.waitMs, now: options.now },
    setting: (name) => settings.get(name),
    ledger: database.ledgerRef,
    ledgerExists: (await one(EXISTS[engine], [schema ?? DEFAULT_SCHEMA[engine], names.table])) !== undefined,
    beside: (use) => options.beside((client) => use(readerOf(client))),
  };
}

function readerOf({ query }: Pick<Client, "query">): Pick<Patient, "rows" | "one"> {
  const rows: Patient["rows"] = async (sql, values) => (await query(sql, values)).rows;
  const one: Patient["one"] = async (sql, values) => {
    const [row] = await rows(sql, values);
    const [value] = Object.values(row ?? {});
    return value === undefined || value === null ? undefined : String(value);
  };
  return { rows, one };
}

/** What takes the place of a schema that was not named. */
const DEFAULT_SCHEMA: Readonly<Record<Engine, string | null>> = {
  postgres: "public",
  mysql: null,
  mariadb: null,
  sqlite: "main",
};

const EXISTS_MYSQL =
  "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND TABLE_TYPE = 'BASE TABLE'";

const EXISTS: Readonly<Record<Engine, string>> = {
  postgres:
    "SELECT 1 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = $1 AND relname = $2 AND relkind IN ('r', 'p')",
  mysql: EXISTS_MYSQL,
  mariadb: EXISTS_MYSQL,
  sqlite: "SELECT 1 FROM pragma_table_list WHERE schema = ? AND name = ? AND type = 'table'",
};

/** As the connection has them: what the role and the database were given is in them. */
async function readSettings({ engine, query }: OpenDatabase): Promise<ReadonlyMap<string, string>> {
  if (engine === "postgres") {
    const { rows } = await query("SELECT name, setting FROM pg_settings");
    return new Map(rows.map(({ name, setting }) => [String(name), String(setting)]));
  }
  // SQLite has settings of a connection only, and this is not the application's.
  if (engine === "sqlite") return new Map();
  const { rows } = await query("SHOW VARIABLES");
  return new Map(rows.map((row) => [String(row.Variable_name), String(row.Value)]));
}
