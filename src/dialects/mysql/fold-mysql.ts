import type { Statement, WriteScript } from "../../core/executor.js";
import { type Folder, readOpening, readScript } from "./fold.js";
import { MARK_WORK } from "./index.js";
import { parametersOf } from "./ledger-statement.js";
import { quotePath } from "./sql.js";

/**
 * MySQL has no compound statements outside of stored programs. The migration installs three procedures that hold the
 * statements on the ledger, and run those on other tables as texts, with the caller's own rights. Values are written into
 * those texts, since a procedure cannot bind its parameters to a statement that it prepares.
 *
 * @param inline a statement's text with its values as literals
 * @see https://dev.mysql.com/doc/refman/9.4/en/sql-prepared-statements.html
 */
export function mysqlFolder(
  { schema, table }: { readonly schema: string | undefined; readonly table: string },
  inline: (statement: Statement) => string,
): Folder {
  // A routine runs in the SQL mode that it was created in; `first` may tell it the caller's.
  const call = (suffix: string, values: readonly unknown[], first = ""): Statement => {
    const procedure = quotePath([...(schema === undefined ? [] : [schema]), table + suffix]);
    const sql = `CALL ${procedure}(${first}${values.map(() => "?").join(", ")})`;
    return { sql, values, name: sql };
  };
  const text = (statement: Statement | undefined): string | null =>
    statement === undefined ? null : inline(statement);
  const writing: Folder["script"] = (script, { waitSeconds }) => {
    const { prior, look, lookLocks, found, absent, row }: WriteScript = script;
    const texts = [look, found, absent, row].map(text);
    const values = [waitSeconds, ...parametersOf(prior), lookLocks === true ? 1 : 0, ...texts];
    return {
      statement: call("_write", values, "@@SESSION.sql_mode, "),
      read: (sets) => readScript(sets, script),
    };
  };
  return {
    opening(statements, { waitSeconds }) {
      const [first, ...rest] = statements;
      if (rest.some(({ sql }) => sql !== MARK_WORK.sql)) {
        throw new Error("an opening is a claim, and at the most one savepoint");
      }
      const values = [waitSeconds, rest.length, ...parametersOf(first)];
      return { statement: call("_open", values), read: (sets) => readOpening(sets, statements.length) };
    },
    // A procedure looks for tables in its own database, which is the caller's only where none is named.
    script: schema === undefined ? writing : undefined,
    closing(statements, { waitSeconds, proof }) {
      const [only, ...more] = statements;
      // The procedure refuses to commit anything but one row, so nothing else may be asked of it.
      if (more.length > 0 || only?.affects !== 1) throw new Error("a closing is one statement on one row");
      const values = [waitSeconds, proof ? 1 : 0, ...parametersOf(only)];
      return { statement: call("_close", values), read: () => {} };
    },
  };
}
