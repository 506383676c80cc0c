import type { TableKey } from "../../core/dialect.js";
import type { Statement } from "../../core/executor.js";
import { POSITION_ALIAS } from "../../core/write-many-in-transaction.js";
import type { Entries, Write } from "../../core/writes.js";
import { type Fragment, type Grammar, join, matches, quotePath } from "./grammar.js";
import { byKey, inserting, insertion, natural, returned } from "./writes.js";

type Insert = Extract<Write, { verb: "insert" }>;
type Increment = Extract<Write, { verb: "increment" }>;

/** Batches are sent as text: preparing them would not pay, since their SQL depends on how many there are. */
function text({ sql, values }: Fragment): Statement {
  return { sql, values };
}

/** The rows that writes are meant for, each with its write's position; locked in the order of their keys. */
export function targetsOf(grammar: Grammar, writes: readonly Write[], locking: boolean): Statement {
  const [first] = writes;
  if (first === undefined) throw new TypeError("a batch holds at least one write");
  const entries = writes.map(targetEntries);
  const columns =
    first.verb === "increment"
      ? [...first.where, ...first.by].map(([column]) => grammar.quote(column)).join(", ")
      : starOf(grammar, first);
  const order = (entries[0] ?? []).map(([column]) => grammar.quote(column)).join(", ");
  return positioned(
    grammar,
    first,
    columns,
    entries.map((entry) => matches(grammar, entry)),
    ` ORDER BY ${order}${locking ? grammar.forUpdate : ""}`,
  );
}

/** The rows that an insert of many made, where it cannot return them itself. */
export function madeRows(grammar: Grammar, writes: readonly Insert[], key: TableKey | undefined): Statement {
  const [first] = writes;
  if (first === undefined) throw new TypeError("a batch holds at least one write");
  const rows = writes.map((write, position) => byKey(grammar, write, key, [position, writes.length]));
  return positioned(grammar, first, starOf(grammar, first), rows, grammar.forUpdate);
}

/** @throws {TypeError} the writes are no inserts */
export function insertMany(grammar: Grammar, writes: readonly Insert[]): Statement {
  const [first] = writes;
  if (first === undefined) throw new TypeError("a batch holds at least one write");
  const columns = first.values.map(([column]) => column);
  const rows = writes.map(({ values }): Entries => {
    const given = new Map(values);
    return columns.map((column) => [column, given.get(column)]);
  });
  const head = insertion(grammar, first).sql;
  const row = columns.length === 0 ? grammar.defaultRow.values : columns.map(() => "?").join(", ");
  const sql = `${head}${`, (${row})`.repeat(rows.length - 1)}`;
  const made = { sql, values: rows.flatMap((row) => row.map(([, value]) => value)) };
  return text(grammar.returnsTriggered ? inserting(grammar, first, made) : made);
}

/** Adds up to several amounts to each row. */
export function addMany(grammar: Grammar, groups: readonly (readonly Increment[])[]): Statement {
  const rows = groups.flatMap(([first]) => (first === undefined ? [] : [matches(grammar, first.where)]));
  const [first] = groups[0] ?? [];
  if (first === undefined) throw new TypeError("a batch holds at least one write");
  const set = first.by.map(([column]): Fragment => {
    const whens = groups.map((group, index): Fragment => {
      const amounts = join(
        group.map(({ by }) => grammar.amount(new Map(by).get(column))),
        " + ",
      );
      const row = rows[index] ?? { sql: "FALSE", values: [] };
      return { sql: `WHEN ${row.sql} THEN ${amounts.sql}`, values: [...row.values, ...amounts.values] };
    });
    const chosen = join(whens, " ");
    const own = grammar.quote(column);
    const sum = grammar.sum(own, { sql: `CASE ${chosen.sql} END`, values: chosen.values });
    return { sql: `${own} = ${sum.sql}`, values: sum.values };
  });
  const changes = join(set, ", ");
  const where = anyOf(rows);
  return text({
    sql: `UPDATE ${quotePath(grammar, first.table)} SET ${changes.sql} WHERE ${where.sql}`,
    values: [...changes.values, ...where.values],
  });
}

function positioned(
  grammar: Grammar,
  write: Write,
  columns: string,
  rows: readonly Fragment[],
  tail: string,
): Statement {
  const place = join(
    rows.map(({ sql, values }, position) => ({ sql: `WHEN ${sql} THEN ${position}`, values })),
    " ",
  );
  const where = anyOf(rows);
  return text({
    sql: `SELECT CASE ${place.sql} END AS ${grammar.quote(POSITION_ALIAS)}, ${columns} FROM ${quotePath(grammar, write.table)} WHERE ${where.sql}${tail}`,
    values: [...place.values, ...where.values],
  });
}

/** SQLite takes expressions that are at most 1,000 deep, and each OR of a row of them is one deeper. */
const ANY_MAX = 100;

function anyOf(rows: readonly Fragment[]): Fragment {
  const groups = Array.from({ length: Math.ceil(rows.length / ANY_MAX) }, (_, index) =>
    rows.slice(index * ANY_MAX, (index + 1) * ANY_MAX),
  );
  const any = groups.length > 1 ? groups.map(anyOf) : rows;
  return join(
    any.map(({ sql, values }) => ({ sql: `(${sql})`, values })),
    " OR ",
  );
}

function starOf(grammar: Grammar, write: Write): string {
  const columns = returned(grammar, write);
  return columns === "*" ? `${grammar.quote(write.table.at(-1) ?? "")}.*` : columns;
}

function targetEntries(write: Write): Entries {
  return write.verb === "insert" ? natural(write) : write.verb === "increment" ? write.where : [];
}
