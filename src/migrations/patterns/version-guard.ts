import { literal, quoted } from "../quote.js";
import { besideRef, fileName, type Pattern, type PatternTable, tableRef } from "./pattern.js";

export interface VersionGuardOptions {
  readonly column: string;
  /** Every update must raise the version, not only leave it. */
  readonly strict: boolean;
}

/**
 * A trigger that refuses an update by which the version goes back, as a stale `save()` of an ORM makes it; in its strict
 * form every update that does not raise it.
 */
export function versionGuardPattern(target: PatternTable, options: VersionGuardOptions): Pattern {
  const { engine, table } = target;
  const { column, strict } = options;
  const version = quoted(engine, [column]);
  const stale = `NEW.${version} ${strict ? "<=" : "<"} OLD.${version}`;
  const text = literal(
    engine,
    `opledger: stale write to ${table}: its version did not ${strict ? "rise" : "stay or rise"}`.slice(
      0,
      128,
    ),
  );
  const name = `${table}_${column}_guard`;
  const trigger = quoted(engine, [name]);
  const made = {
    postgres: {
      up: [
        `CREATE FUNCTION ${besideRef(target, name)}() RETURNS trigger LANGUAGE plpgsql AS $opledger$
BEGIN
  RAISE EXCEPTION USING MESSAGE = ${text}, ERRCODE = 'serialization_failure',
    HINT = 'Read the row again and decide anew.';
END
$opledger$`,
        `CREATE TRIGGER ${trigger} BEFORE UPDATE ON ${tableRef(target)}
  FOR EACH ROW WHEN (${stale}) EXECUTE FUNCTION ${besideRef(target, name)}()`,
      ],
      down: [`DROP TRIGGER ${trigger} ON ${tableRef(target)}`, `DROP FUNCTION ${besideRef(target, name)}()`],
    },
    mysql: inBody(target, name, stale, text),
    mariadb: inBody(target, name, stale, text),
    sqlite: {
      up: [
        `CREATE TRIGGER ${besideRef(target, name)} BEFORE UPDATE ON ${quoted(engine, [table])} WHEN ${stale}
BEGIN SELECT RAISE(ABORT, ${text}); END`,
      ],
      down: [`DROP TRIGGER ${besideRef(target, name)}`],
    },
  }[engine];
  const nothing = "// nothing to add: the trigger guards whatever writes to the table";
  return {
    steps: [
      {
        name: strict ? fileName(name, "strict") : fileName(name),
        up: made.up,
        down: made.down,
        transactional: true,
        brief: true,
      },
    ],
    prisma: nothing,
    typeorm: nothing,
  };
}

function inBody(
  target: PatternTable,
  name: string,
  stale: string,
  text: string,
): { up: string[]; down: string[] } {
  return {
    up: [
      `CREATE TRIGGER ${besideRef(target, name)} BEFORE UPDATE ON ${tableRef(target)} FOR EACH ROW
BEGIN
  IF ${stale} THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = ${text};
  END IF;
END`,
    ],
    down: [`DROP TRIGGER ${besideRef(target, name)}`],
  };
}
