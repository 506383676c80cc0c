import { literal, quoted } from "../../quote.js";
import { besideRef, type PatternTable, prismaField, tableRef } from "../pattern.js";
import type { CounterLogOptions, CounterLogParts } from "./parts.js";
import { prismaKey } from "./prisma-key.js";

/** As in the ledger: case and trailing spaces count in keys. */
const OPERATION_ID = "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

/** Nobody can tell the age of an entry here, so that each fold marks those that it took: the ones nobody has locked. */
export function counterLogOnMysql(
  target: PatternTable,
  log: string,
  options: CounterLogOptions,
): CounterLogParts {
  return {
    up: [...tables(target, log, options), fold(target, log, options), total(target, log, options)],
    down: [
      `DROP VIEW ${besideRef(target, `${target.table}_${options.column}_total`)}`,
      `DROP PROCEDURE ${besideRef(target, `${log}_fold`)}`,
      `DROP TABLE ${besideRef(target, `${log}_mark`)}`,
      `DROP TABLE ${besideRef(target, log)}`,
    ],
    models: {
      [log]: [
        prismaField("operation_id", "String", ["@id", "@db.VarChar(255)"]),
        prismaKey(options.key, options.keyType),
        prismaField("amount", "Decimal", ["@db.Decimal(38, 9)"]),
        prismaField("fold", "BigInt?"),
        "",
        "  @@index([fold])",
      ],
      [`${log}_mark`]: [
        prismaField("one", "Boolean", ["@id", "@default(true)"]),
        prismaField("fold", "BigInt"),
      ],
    },
  };
}

function tables(target: PatternTable, log: string, { key, keyType }: CounterLogOptions): string[] {
  const { engine } = target;
  return [
    `CREATE TABLE ${besideRef(target, log)} (
  operation_id ${OPERATION_ID} NOT NULL PRIMARY KEY,
  ${quoted(engine, [key])} ${keyType} NOT NULL,
  amount decimal(38, 9) NOT NULL,
  fold bigint NULL,
  INDEX ${quoted(engine, [`${log}_fold_idx`])} (fold)
) ENGINE = InnoDB`,
    `CREATE TABLE ${besideRef(target, `${log}_mark`)} (one boolean NOT NULL DEFAULT true PRIMARY KEY, fold bigint NOT NULL) ENGINE = InnoDB`,
    `INSERT INTO ${besideRef(target, `${log}_mark`)} (fold) VALUES (0)`,
  ];
}

/**
 * Entries of running transactions are locked, and so left for a later fold: what is finished is first put beside, since only
 * SELECT skips what is locked, and then changed by its key alone, since a scan would wait for the rest. READ COMMITTED locks
 * no gaps, in which others would wait to append. In the caller's own transaction the level cannot be set, which refuses the
 * call before it did anything.
 */
function fold(target: PatternTable, log: string, { column, key, keyType }: CounterLogOptions): string {
  const { engine } = target;
  const [counter, id] = [quoted(engine, [column]), quoted(engine, [key])];
  const [entries, mark] = [besideRef(target, log), besideRef(target, `${log}_mark`)];
  const finished = besideRef(target, `${log}_finished`);
  const lost = literal(engine, "opledger: counters of the log have no row");
  return `CREATE PROCEDURE ${besideRef(target, `${log}_fold`)}() MODIFIES SQL DATA
BEGIN
  DROP TEMPORARY TABLE IF EXISTS ${finished};
  CREATE TEMPORARY TABLE ${finished} (
    operation_id ${OPERATION_ID} NOT NULL PRIMARY KEY,
    ${id} ${keyType} NOT NULL,
    amount decimal(38, 9) NOT NULL
  ) ENGINE = InnoDB;
  SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
  BEGIN
    DECLARE taken bigint;
    DECLARE folded bigint;
    DECLARE EXIT HANDLER FOR SQLEXCEPTION
    BEGIN
      ROLLBACK;
      RESIGNAL;
    END;
    START TRANSACTION;
    UPDATE ${mark} SET fold = fold + 1;
    SELECT fold INTO taken FROM ${mark};
    INSERT INTO ${finished} SELECT operation_id, ${id}, amount FROM ${entries} WHERE fold IS NULL FOR UPDATE SKIP LOCKED;
    SET folded = ROW_COUNT();
    IF EXISTS (
      SELECT 1 FROM ${finished} AS finished LEFT JOIN ${tableRef(target)} AS target ON target.${id} = finished.${id}
      WHERE target.${id} IS NULL
    ) THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = ${lost};
    END IF;
    UPDATE ${finished} AS finished STRAIGHT_JOIN ${entries} AS log FORCE INDEX (PRIMARY)
    ON log.operation_id = finished.operation_id
    SET log.fold = taken;
    UPDATE (SELECT ${id}, SUM(amount) AS amount FROM ${finished} GROUP BY ${id}) AS sums
    STRAIGHT_JOIN ${tableRef(target)} AS target FORCE INDEX (PRIMARY) ON target.${id} = sums.${id}
    SET target.${counter} = target.${counter} + sums.amount;
    COMMIT;
    DROP TEMPORARY TABLE ${finished};
    SELECT folded;
  END;
END`;
}

function total(target: PatternTable, log: string, { column, key }: CounterLogOptions): string {
  const { engine } = target;
  const [counter, id] = [quoted(engine, [column]), quoted(engine, [key])];
  return `CREATE VIEW ${besideRef(target, `${target.table}_${column}_total`)} AS
SELECT target.${id}, target.${counter} + COALESCE((
  SELECT SUM(amount) FROM ${besideRef(target, log)} AS log WHERE log.${id} = target.${id} AND log.fold IS NULL
), 0) AS ${counter}
FROM ${tableRef(target)} AS target`;
}
