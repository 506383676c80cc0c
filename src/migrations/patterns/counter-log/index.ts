import type { Engine } from "../../index.js";
import { fileName, modelName, type Pattern, type PatternTable } from "../pattern.js";
import { counterLogOnMysql } from "./mysql.js";
import type { CounterLogOptions, CounterLogParts } from "./parts.js";
import { counterLogOnPostgres } from "./postgres.js";
import { counterLogOnSqlite } from "./sqlite.js";

/** A type as SQL: words, lengths in brackets, and words such as UNSIGNED or CHARACTER SET. */
const TYPE = /^[a-z][a-z0-9_ ]*(?:\(\d+(?:, ?\d+)?\)[a-z0-9_ ]*)?$/i;

const PARTS: Readonly<
  Record<Engine, (target: PatternTable, log: string, options: CounterLogOptions) => CounterLogParts>
> = {
  postgres: counterLogOnPostgres,
  mysql: counterLogOnMysql,
  mariadb: counterLogOnMysql,
  sqlite: counterLogOnSqlite,
};

/**
 * A counter that many add to at once: increments are appended, each under its operation's id, and folded into the row now
 * and then. A reader of the view always sees the row's value and what is not folded yet, in one snapshot.
 *
 * @throws {TypeError} `keyType` is no type
 */
export function counterLogPattern(target: PatternTable, options: CounterLogOptions): Pattern {
  const { engine, table } = target;
  if (!TYPE.test(options.keyType)) throw new TypeError(`not a type: ${JSON.stringify(options.keyType)}`);
  const log = `${table}_${options.column}_log`;
  const { up, down, models } = PARTS[engine](target, log, options);
  return {
    steps: [{ name: fileName(log), up, down, transactional: true, brief: true }],
    // Prisma would drop a table that it does not know.
    prisma: Object.entries(models)
      .map(([name, lines]) => prismaModel(name, lines))
      .join("\n\n"),
    typeorm:
      "// nothing to add: insert into the log with operation(op).insert(…), or by SQL, and read the view",
  };
}

function prismaModel(table: string, lines: readonly string[]): string {
  // Attributes of the model stand together, below its fields.
  const gap = lines.includes("") ? [] : [""];
  return [`model ${modelName(table)} {`, ...lines, ...gap, `  @@map("${table}")`, "}"].join("\n");
}
