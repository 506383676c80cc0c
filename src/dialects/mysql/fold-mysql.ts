import type { Statement, WriteScript } from "../../core/executor.js";
import { type Folder, readOpening, readScript } from "./fold.js";
import { MARK_WORK } from "./index.js";
import { quotePath } from "./sql.js";

/**
 * MySQL has no compound statements outside of stored programs. The migration installs three procedures that run the
 * texts they are given, with the caller's own rights. Values are written into those texts, since a procedure cannot bind
 * its parameters to a statement that it prepares.
 *
 * @param inline a statement's text with its values as literals
 * @see https://dev.mysql.com/doc/refman/9.4/en/sql-prepared-statements.html
 */
export function mysqlFolder(
  { schema, table }: { readonly schema: string | undefined; readonly table: string },
  inline: (statement: Statement) => string,
): Folder {
  const procedure = (suffix: string): string =>
    quotePath([...(schema === undefined ? [] : [schema]), table + suffix]);
  // A routine runs in the SQL mode that it was created in, unless it is told the caller's.
  const call = (suffix: string, values: readonly unknown[]): Statement => {
    const sql = `CALL ${procedure(suffix)}(@@SESSION.sql_mode, ${values.map(() => "?").join(", ")})`;
    return { sql, values, name: sql };
  };
  const text = (statement: Statement | undefined): string | null =>
    statement === undefined ? null : inline(statement);
  return {
    opening(statements, { waitSeconds }) {
      const [first, ...rest] = statements;
      if (first === undefined || rest.some(({ sql }) => sql !== MARK_WORK.sql)) {
        throw new Error("an opening is a claim, and at the most one savepoint");
      }
      const values = [String(waitSeconds), String(rest.length), text(first), text(first.orElse)];
      return { statement: call("_open", values), read: (sets) => readOpening(sets, statements.length) };
    },
    script(script, { waitSeconds }) {
      const { prior, look, lookLocks, found, absent, row }: WriteScript = script;
      const texts = [prior, look, found, absent, row].map(text);
      const values = [String(waitSeconds), lookLocks === true ? "1" : "0", ...texts];
      return { statement: call("_write", values), read: (sets) => readScript(sets, script) };
    },
    closing(statements, { waitSeconds, proof }) {
      const [only, ...more] = statements;
      if (only === undefined || more.length > 0) throw new Error("a closing is one statement");
      const values = [String(waitSeconds), proof ? "1" : "0", text(only), String(only.affects ?? -1)];
      return { statement: call("_close", values), read: () => {} };
    },
  };
}
