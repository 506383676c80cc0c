import { quote as quoteMysql } from "../dialects/mysql/sql.js";
import { quote as quotePostgres } from "../dialects/postgres/sql.js";
import { quote as quoteSqlite } from "../dialects/sqlite/sql.js";
import type { Engine } from "./index.js";

const QUOTE: Readonly<Record<Engine, (name: string) => string>> = {
  postgres: quotePostgres,
  mysql: quoteMysql,
  mariadb: quoteMysql,
  sqlite: quoteSqlite,
};

/**
 * A name as the engine's SQL takes it.
 *
 * @throws {TypeError} a part of it is not one that the engine keeps whole
 */
export function quoted(engine: Engine, path: readonly string[]): string {
  return path.map((name) => QUOTE[engine](name)).join(".");
}

/** A text as the engine's SQL takes it. */
export function literal(engine: Engine, text: string): string {
  const escaped = engine === "mysql" || engine === "mariadb" ? text.replaceAll("\\", "\\\\") : text;
  return `'${escaped.replaceAll("'", "''")}'`;
}
