import { quoted } from "../quote.js";
import {
  camel,
  fileName,
  modelName,
  type Pattern,
  type PatternTable,
  prismaField,
  tableRef,
} from "./pattern.js";

/** A column that counts the changes of a row, for compare-and-set. It is added without rewriting the table. */
export function versionPattern(target: PatternTable, column: string): Pattern {
  const { engine, table } = target;
  const add = `ALTER TABLE ${tableRef(target)} ADD COLUMN ${quoted(engine, [column])} integer NOT NULL DEFAULT 1`;
  const drop = `ALTER TABLE ${tableRef(target)} DROP COLUMN ${quoted(engine, [column])}`;
  const instant = engine === "mysql" || engine === "mariadb" ? ", ALGORITHM=INSTANT" : "";
  return {
    steps: [
      {
        name: fileName(table, column),
        up: [`${add}${instant}`],
        down: [drop],
        transactional: true,
        brief: true,
      },
    ],
    prisma: `model ${modelName(table)} {\n${prismaField(column, "Int", ["@default(1)"])}\n}`,
    typeorm: `@VersionColumn({ name: "${column}", default: 1 })\n${camel(column)}!: number;`,
  };
}
