import { quoted } from "../../quote.js";
import { besideRef, type PatternTable, prismaField, tableRef } from "../pattern.js";
import type { CounterLogOptions, CounterLogParts } from "./parts.js";
import { prismaKey } from "./prisma-key.js";

/** Entries carry their transaction's number, and what is below the oldest running one is folded. */
export function counterLogOnPostgres(
  target: PatternTable,
  log: string,
  options: CounterLogOptions,
): CounterLogParts {
  const key = prismaKey(options.key, options.keyType);
  return {
    up: [...tables(target, log, options), fold(target, log, options), total(target, log, options)],
    down: [
      `DROP VIEW ${besideRef(target, `${target.table}_${options.column}_total`)}`,
      `DROP FUNCTION ${besideRef(target, `${log}_fold`)}()`,
      `DROP TABLE ${besideRef(target, `${log}_mark`)}`,
      `DROP TABLE ${besideRef(target, log)}`,
    ],
    models: {
      [log]: [
        prismaField("operation_id", "String", ["@id", "@db.Uuid"]),
        key,
        prismaField("amount", "Decimal", ["@db.Decimal"]),
        prismaField("xid", 'Unsupported("xid8")', ['@default(dbgenerated("pg_current_xact_id()"))']),
        "",
        "  @@index([xid])",
      ],
      [`${log}_mark`]: [
        prismaField("one", "Boolean", ["@id", "@default(true)"]),
        prismaField("upto", 'Unsupported("xid8")'),
      ],
    },
  };
}

function tables(target: PatternTable, log: string, { key, keyType }: CounterLogOptions): string[] {
  const ref = besideRef(target, log);
  return [
    `CREATE TABLE ${ref} (
  operation_id uuid NOT NULL PRIMARY KEY,
  ${quoted("postgres", [key])} ${keyType} NOT NULL,
  amount numeric NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id()
)`,
    `CREATE INDEX ${quoted("postgres", [`${log}_xid_idx`])} ON ${ref} (xid)`,
    `CREATE TABLE ${besideRef(target, `${log}_mark`)} (one boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one), upto xid8 NOT NULL)`,
    `INSERT INTO ${besideRef(target, `${log}_mark`)} (upto) VALUES (pg_current_xact_id())`,
  ];
}

/** What is below the oldest running transaction is finished, so that no increment can still appear behind the mark. */
function fold(target: PatternTable, log: string, { column, key }: CounterLogOptions): string {
  const [counter, id] = [quoted("postgres", [column]), quoted("postgres", [key])];
  return `CREATE FUNCTION ${besideRef(target, `${log}_fold`)}() RETURNS bigint LANGUAGE plpgsql AS $opledger$
DECLARE
  since xid8;
  until xid8;
  folded bigint;
  lost bigint;
BEGIN
  SELECT upto INTO since FROM ${besideRef(target, `${log}_mark`)} FOR UPDATE;
  until := pg_snapshot_xmin(pg_current_snapshot());
  IF until <= since THEN
    RETURN 0;
  END IF;
  WITH sums AS (
    SELECT ${id} AS key, sum(amount) AS amount, count(*) AS entries FROM ${besideRef(target, log)}
    WHERE xid >= since AND xid < until GROUP BY ${id} ORDER BY ${id}
  ), added AS (
    UPDATE ${tableRef(target)} AS target SET ${counter} = target.${counter} + sums.amount
    FROM sums WHERE target.${id} = sums.key RETURNING 1
  )
  SELECT coalesce(sum(entries), 0), count(*) - (SELECT count(*) FROM added) INTO folded, lost FROM sums;
  IF lost > 0 THEN
    RAISE EXCEPTION 'opledger: % counters of the log have no row', lost USING ERRCODE = 'foreign_key_violation';
  END IF;
  UPDATE ${besideRef(target, `${log}_mark`)} SET upto = until;
  RETURN folded;
END
$opledger$`;
}

function total(target: PatternTable, log: string, { column, key }: CounterLogOptions): string {
  const [counter, id] = [quoted("postgres", [column]), quoted("postgres", [key])];
  return `CREATE VIEW ${besideRef(target, `${target.table}_${column}_total`)} AS
SELECT target.${id}, target.${counter} + coalesce((
  SELECT sum(amount) FROM ${besideRef(target, log)} AS log
  WHERE log.${id} = target.${id} AND log.xid >= (SELECT upto FROM ${besideRef(target, `${log}_mark`)})
), 0) AS ${counter}
FROM ${tableRef(target)} AS target`;
}
