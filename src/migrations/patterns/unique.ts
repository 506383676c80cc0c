import type { Engine } from "../index.js";
import { literal, quoted } from "../quote.js";
import {
  besideRef,
  camel,
  fileName,
  modelName,
  type Pattern,
  type PatternStep,
  type PatternTable,
  prismaField,
  tableRef,
} from "./pattern.js";

/**
 * A natural key, which is what `conflict` of insert and upsert goes by. Looks for duplicates first, and builds the index
 * while the table is in use.
 */
export function uniquePattern(target: PatternTable, columns: readonly string[]): Pattern {
  const { table } = target;
  const fields = columns.map(camel);
  return {
    steps: uniqueSteps(target, columns),
    prisma: `model ${modelName(table)} {\n  @@unique([${fields.join(", ")}])\n}`,
    typeorm: `@Unique(${JSON.stringify(indexName(target, columns))}, ${JSON.stringify(fields)})\nclass ${modelName(table)} {}`,
  };
}

/** A column for the id of the operation that made a row, unique, so that the row cannot be made twice by any path. */
export function operationIdPattern(target: PatternTable, column: string): Pattern {
  const { engine, table } = target;
  const add = `ALTER TABLE ${tableRef(target)} ADD COLUMN ${quoted(engine, [column])} ${OPERATION_ID_TYPE[engine]}`;
  const drop = `ALTER TABLE ${tableRef(target)} DROP COLUMN ${quoted(engine, [column])}`;
  const added: PatternStep = {
    name: fileName(table, column),
    up: [add],
    down: [drop],
    transactional: true,
    brief: true,
  };
  return {
    steps: [added, ...uniqueSteps(target, [column])],
    prisma: `model ${modelName(table)} {\n${prismaField(column, "String?", ["@unique", ...PRISMA_TYPE[engine]])}\n}`,
    typeorm: `@Column({ name: "${column}", ${TYPEORM_TYPE[engine]}, nullable: true, unique: true })\n${camel(column)}!: string | null;`,
  };
}

/** Case and trailing spaces count in keys. Rows that were there before have none. */
const OPERATION_ID_TYPE: Readonly<Record<Engine, string>> = {
  postgres: "text",
  mysql: "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, ALGORITHM=INSTANT",
  mariadb: "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, ALGORITHM=INSTANT",
  sqlite: "text",
};

/** Prisma has no word for the collation, and leaves alone the one that stands. */
const PRISMA_TYPE: Readonly<Record<Engine, readonly string[]>> = {
  postgres: [],
  mysql: ["@db.VarChar(255)"],
  mariadb: ["@db.VarChar(255)"],
  sqlite: [],
};

const TYPEORM_VARCHAR = 'type: "varchar", length: 255, charset: "utf8mb4", collation: "utf8mb4_bin"';

const TYPEORM_TYPE: Readonly<Record<Engine, string>> = {
  postgres: 'type: "text"',
  mysql: TYPEORM_VARCHAR,
  mariadb: TYPEORM_VARCHAR,
  sqlite: 'type: "text"',
};

function indexName({ table }: PatternTable, columns: readonly string[]): string {
  return `${table}_${columns.join("_")}_key`;
}

function uniqueSteps(target: PatternTable, columns: readonly string[]): PatternStep[] {
  const { engine, table } = target;
  const name = indexName(target, columns);
  const index = quoted(engine, [name]);
  const list = columns.map((column) => quoted(engine, [column])).join(", ");
  const build: Pick<PatternStep, "up" | "down" | "brief"> = {
    postgres: {
      brief: false,
      // Fails where it meets a duplicate made meanwhile, and leaves an index marked as invalid: drop that, and run it again.
      up: [`CREATE UNIQUE INDEX CONCURRENTLY ${index} ON ${tableRef(target)} (${list})`],
      down: [`DROP INDEX CONCURRENTLY ${besideRef(target, name)}`],
    },
    mysql: inPlace(target, index, list),
    mariadb: inPlace(target, index, list),
    sqlite: {
      brief: false,
      up: [`CREATE UNIQUE INDEX ${besideRef(target, name)} ON ${quoted(engine, [table])} (${list})`],
      down: [`DROP INDEX ${besideRef(target, name)}`],
    },
  }[engine];
  const built: PatternStep = { name: fileName(name), ...build, transactional: engine !== "postgres" };
  const check = duplicateCheck(target, columns);
  if (check.length === 0) return [built];
  const first = { name: fileName(name, "check"), up: check, down: [], transactional: true, brief: false };
  return [first, built];
}

function inPlace(
  target: PatternTable,
  index: string,
  list: string,
): Pick<PatternStep, "up" | "down" | "brief"> {
  const online = "ALGORITHM=INPLACE, LOCK=NONE";
  return {
    brief: true,
    up: [`ALTER TABLE ${tableRef(target)} ADD UNIQUE INDEX ${index} (${list}), ${online}`],
    down: [`ALTER TABLE ${tableRef(target)} DROP INDEX ${index}, ${online}`],
  };
}

/** Fails, having changed nothing, where rows share the key. SQLite finds out as it builds the index, and undoes it. */
function duplicateCheck(target: PatternTable, columns: readonly string[]): string[] {
  const { engine, table } = target;
  const list = columns.map((column) => quoted(engine, [column]));
  const shared = `SELECT 1 FROM ${tableRef(target)} WHERE ${list.map((column) => `${column} IS NOT NULL`).join(" AND ")}
    GROUP BY ${list.join(", ")} HAVING count(*) > 1`;
  const text = `opledger: rows of ${table} share (${columns.join(", ")}); merge them before it is made unique`;
  if (engine === "postgres") {
    return [
      `DO $opledger$ BEGIN
  IF EXISTS (${shared}) THEN
    RAISE EXCEPTION USING MESSAGE = ${literal(engine, text)}, ERRCODE = 'unique_violation';
  END IF;
END $opledger$`,
    ];
  }
  if (engine === "sqlite") return [];
  const procedure = besideRef(target, `${table}_opledger_check`);
  return [
    // One that found duplicates left it behind.
    `DROP PROCEDURE IF EXISTS ${procedure}`,
    `CREATE PROCEDURE ${procedure}() READS SQL DATA
BEGIN
  IF EXISTS (${shared}) THEN
    SIGNAL SQLSTATE '23000' SET MESSAGE_TEXT = ${literal(engine, text.slice(0, 128))};
  END IF;
END`,
    `CALL ${procedure}()`,
    `DROP PROCEDURE ${procedure}`,
  ];
}
