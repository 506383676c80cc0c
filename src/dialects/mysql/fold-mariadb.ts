import type { Statement, WriteScript } from "../../core/executor.js";
import { NOT_OURS } from "./failure.js";
import { CANARY, type Folder, type FoldOptions, readOpening, readScript } from "./fold.js";

/**
 * MariaDB takes a compound statement with bound values and prepares it. `SET STATEMENT` bounds its lock waits, and is
 * forgotten with it, whether or not it fails.
 *
 * @see https://mariadb.com/kb/en/using-compound-statements-outside-of-stored-programs/
 */
export const MARIADB_FOLDER: Folder = {
  opening(statements, options) {
    const [first, ...rest] = statements;
    const tried = first === undefined ? "" : attempt(first);
    const sql = `${DECLARE}
START TRANSACTION; SAVEPOINT ${CANARY};
${tried}
IF opledger_met = 0 THEN
  ${rest.map(({ sql }) => `${sql};`).join("\n  ")}
  SELECT opledger_met, opledger_affected;
ELSE
  ${first?.orElse === undefined ? "" : `${first.orElse.sql};`}
  ROLLBACK;
  SELECT opledger_met, opledger_affected;
END IF;`;
    const values = [
      ...(first?.values ?? []),
      ...rest.flatMap(({ values }) => values),
      ...(first?.orElse?.values ?? []),
    ];
    return { statement: block(sql, values, options), read: (sets) => readOpening(sets, statements.length) };
  },
  script(script, options) {
    const parts = ["look", "found", "absent", "row"] as const;
    const values = [script.prior, ...parts.map((part) => script[part])].flatMap((part) => part?.values ?? []);
    return { statement: block(scriptSql(script), values, options), read: (sets) => readScript(sets, script) };
  },
  closing(statements, options) {
    const checked = statements.map(({ sql, affects }) =>
      affects === undefined
        ? `${sql};`
        : `${sql};\nIF ROW_COUNT() <> ${affects} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '${NOT_OURS}'; END IF;`,
    );
    const proof = options.proof ? `RELEASE SAVEPOINT ${CANARY};\n` : "";
    const values = statements.flatMap((statement) => statement.values);
    return { statement: block(`${proof}${checked.join("\n")}\nCOMMIT;`, values, options), read: () => {} };
  },
};

const DECLARE = "DECLARE opledger_met BIGINT DEFAULT 0; DECLARE opledger_affected BIGINT DEFAULT 0;";

function block(sql: string, values: readonly unknown[], { waitSeconds }: FoldOptions): Statement {
  const whole = `SET STATEMENT innodb_lock_wait_timeout = ${waitSeconds} FOR BEGIN NOT ATOMIC\n${sql}\nEND`;
  return { sql: whole, values, name: whole };
}

/** All columns, as our own statements ask for them. */
const STAR = /(?:SELECT|RETURNING) (?:`(?:[^`]|``)*`\.)?\*/;

/**
 * A prepared compound statement keeps the columns that a `*` stood for when it first ran, also when the table has got
 * more since. Run as text inside it, the star is read anew each time.
 */
function fresh({ sql, values }: Statement): string {
  if (!STAR.test(sql)) return sql;
  // As bytes where a quoted text would mean different things in different SQL modes.
  const text = /['\\]/.test(sql) ? `_utf8mb4 X'${Buffer.from(sql, "utf8").toString("hex")}'` : `'${sql}'`;
  return `EXECUTE IMMEDIATE ${text}${values.length === 0 ? "" : ` USING ${values.map(() => "?").join(", ")}`}`;
}

/** A refused duplicate undoes only itself. */
function attempt({ sql, orElse }: Statement): string {
  const refused = "DECLARE CONTINUE HANDLER FOR 1062 SET opledger_met = 1;";
  return `BEGIN ${orElse === undefined ? "" : refused} ${sql}; SET opledger_affected = ROW_COUNT(); END;`;
}

/** Plain reads come before the transaction, so that they open no read view that a later lock could find outdated. */
function scriptSql({ prior, look, lookLocks, found, absent, row }: WriteScript): string {
  const looking = look === undefined ? "" : `${fresh(look)}; SET opledger_met = FOUND_ROWS();`;
  const begin = "START TRANSACTION;";
  const write = (statement: Statement | undefined): string =>
    statement === undefined ? "BEGIN END;" : `${fresh(statement)}; SET opledger_affected = ROW_COUNT();`;
  return `${DECLARE}
${prior.sql};
IF FOUND_ROWS() = 0 THEN
  ${lookLocks === true ? `${begin} ${looking}` : `${looking} ${begin}`}
  ${found === undefined ? `IF opledger_met = 0 THEN ${write(absent)} END IF;` : `IF opledger_met > 0 THEN ${write(found)} ELSE ${write(absent)} END IF;`}
  ${row === undefined ? "" : `${fresh(row)};`}
END IF;
SELECT opledger_met, opledger_affected;`;
}
