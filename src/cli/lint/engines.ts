import { propertiesOf, textIn } from "./ast.js";
import type { SourceFile } from "./source.js";

const DRIVERS = new Set([
  ...["postgres", "cockroachdb", "aurora-postgres", "mysql", "mariadb", "aurora-mysql"],
  ...["sqlite", "better-sqlite3", "sqljs", "mssql", "oracle", "mongodb"],
]);
const BESIDE = new Set([
  "entities",
  "synchronize",
  "migrations",
  "autoLoadEntities",
  "url",
  "host",
  "database",
]);

/** The engines that a file sets up TypeORM for. */
export function typeormEngines(source: SourceFile): string[] {
  return source.all("ObjectExpression").flatMap((node) => {
    const properties = propertiesOf(node);
    const type = textIn(properties.find(({ name }) => name === "type")?.value);
    if (type === undefined || !DRIVERS.has(type)) return [];
    return properties.some(({ name }) => BESIDE.has(name)) ? [type] : [];
  });
}
