import { literal, quoted } from "../../quote.js";
import { besideRef, type PatternTable, prismaField } from "../pattern.js";
import type { CounterLogOptions, CounterLogParts } from "./parts.js";
import { prismaKey } from "./prisma-key.js";

/** There are no functions here, so that a fold is an INSERT into a view, whose trigger does the work. */
export function counterLogOnSqlite(
  target: PatternTable,
  log: string,
  options: CounterLogOptions,
): CounterLogParts {
  const { engine, table } = target;
  const { column, key, keyType } = options;
  const [counter, id] = [quoted(engine, [column]), quoted(engine, [key])];
  const [plainTable, plainLog] = [quoted(engine, [table]), quoted(engine, [log])];
  const lost = literal(engine, "opledger: counters of the log have no row");
  const open = `SELECT sum(amount) FROM ${plainLog} AS log WHERE log.${id} = ${plainTable}.${id} AND NOT folded`;
  return {
    up: [
      `CREATE TABLE ${besideRef(target, log)} (
  operation_id TEXT NOT NULL PRIMARY KEY,
  ${id} ${keyType} NOT NULL,
  amount DECIMAL NOT NULL,
  folded BOOLEAN NOT NULL DEFAULT false
)`,
      `CREATE INDEX ${besideRef(target, `${log}_folded_idx`)} ON ${plainLog} (folded)`,
      `CREATE VIEW ${besideRef(target, `${log}_fold`)} AS SELECT count(*) AS entries FROM ${plainLog} WHERE NOT folded`,
      `CREATE TRIGGER ${besideRef(target, `${log}_fold_now`)} INSTEAD OF INSERT ON ${quoted(engine, [`${log}_fold`])}
BEGIN
  SELECT RAISE(ABORT, ${lost}) WHERE EXISTS (
    SELECT 1 FROM ${plainLog} AS log WHERE NOT folded AND log.${id} NOT IN (SELECT ${id} FROM ${plainTable})
  );
  UPDATE ${plainTable} SET ${counter} = ${counter} + (${open})
  WHERE ${id} IN (SELECT ${id} FROM ${plainLog} WHERE NOT folded);
  UPDATE ${plainLog} SET folded = true WHERE NOT folded;
END`,
      `CREATE VIEW ${besideRef(target, `${table}_${column}_total`)} AS
SELECT ${id}, ${counter} + coalesce((${open}), 0) AS ${counter} FROM ${plainTable}`,
    ],
    down: [
      `DROP VIEW ${besideRef(target, `${table}_${column}_total`)}`,
      `DROP VIEW ${besideRef(target, `${log}_fold`)}`,
      `DROP TABLE ${besideRef(target, log)}`,
    ],
    models: {
      [log]: [
        prismaField("operation_id", "String", ["@id"]),
        prismaKey(key, keyType),
        prismaField("amount", "Decimal"),
        prismaField("folded", "Boolean", ["@default(false)"]),
        "",
        "  @@index([folded])",
      ],
    },
  };
}
