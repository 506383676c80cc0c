import { quoted } from "../quote.js";
import {
  besideRef,
  briefly,
  camel,
  fileName,
  modelName,
  type Pattern,
  type PatternTable,
  tableRef,
} from "./pattern.js";

export interface CounterLogOptions {
  /** The counter. */
  readonly column: string;
  /** The table's primary key. */
  readonly key: string;
  /** The key's type, as SQL. */
  readonly keyType: string;
}

/** A type as SQL: words, and lengths in brackets. */
const TYPE = /^[a-z][a-z0-9_ ]*(?:\(\d+(?:, ?\d+)?\))?$/i;

/**
 * A counter that many add to at once: increments are appended, each under its operation's id, and folded into the row now
 * and then. A reader of the view always sees the row's value and what is not folded yet, in one snapshot.
 *
 * @throws {TypeError} the engine cannot tell finished transactions from running ones, or `keyType` is no type
 */
export function counterLogPattern(target: PatternTable, options: CounterLogOptions): Pattern {
  const { engine, table } = target;
  if (engine !== "postgres") {
    throw new TypeError(
      `a counter log is for PostgreSQL: ${engine} cannot tell which increments are of finished transactions without ` +
        "locking out those who add; use a logged increment (`increment`) there",
    );
  }
  if (!TYPE.test(options.keyType)) throw new TypeError(`not a type: ${JSON.stringify(options.keyType)}`);
  const log = `${table}_${options.column}_log`;
  return {
    steps: [
      {
        name: fileName(log),
        up: briefly(engine, [
          ...tables(target, log, options),
          fold(target, log, options),
          total(target, log, options),
        ]),
        down: briefly(engine, [
          `DROP VIEW ${besideRef(target, `${table}_${options.column}_total`)}`,
          `DROP FUNCTION ${besideRef(target, `${log}_fold`)}()`,
          `DROP TABLE ${besideRef(target, `${log}_mark`)}`,
          `DROP TABLE ${besideRef(target, log)}`,
        ]),
        transactional: true,
      },
    ],
    prisma: `model ${modelName(log)} {\n  operationId String @id @map("operation_id") @db.Uuid\n  ${camel(options.key)} … @map("${options.key}")\n  amount Decimal\n  xid Unsupported("xid8") @default(dbgenerated("pg_current_xact_id()"))\n  @@map("${log}")\n}`,
    typeorm:
      "// nothing to add: insert into the log with operation(op).insert(…), or by SQL, and read the view",
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
