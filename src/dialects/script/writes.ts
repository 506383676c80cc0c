import type { ScriptOptions, TableKey } from "../../core/dialect.js";
import type { Statement, WriteScript } from "../../core/executor.js";
import { VERSION_ALIAS } from "../../core/write-in-transaction.js";
import type { Entries, Write } from "../../core/writes.js";
import { type Fragment, type Grammar, join, matches, placed, prepared, quotePath } from "./grammar.js";

type Of<V extends Write["verb"]> = Extract<Write, { verb: V }>;

/** The statements of a write, without those on the ledger. */
export function writeStatements(
  grammar: Grammar,
  write: Write,
  options: ScriptOptions,
): Omit<WriteScript, "prior"> {
  switch (write.verb) {
    case "insert":
      return insert(grammar, write, options);
    case "upsert":
      return upsert(grammar, write, options);
    case "update":
      return update(grammar, write);
    case "increment":
      return update(grammar, { ...write, verb: "update", set: [], version: undefined });
    case "delete": {
      const table = quotePath(grammar, write.table);
      const where = matches(grammar, write.where);
      return {
        look: locked(grammar, write, where),
        lookLocks: true,
        found: prepared(`DELETE FROM ${table} WHERE ${where.sql}`, where.values),
      };
    }
  }
}

/** Whether the row that a write leaves can be read only by its table's key. */
export function needsKey(grammar: Grammar, write: Write): boolean {
  if (write.verb !== "insert" && write.verb !== "upsert") return false;
  return !(grammar.insertReturning && grammar.returnsTriggered) && !hasNaturalKey(write);
}

/** Whether a natural key tells which row an insert met or made. NULLs never meet. */
function hasNaturalKey(write: Of<"insert"> | Of<"upsert">): boolean {
  return write.conflict.length > 0 && natural(write).every(([, value]) => value !== null);
}

function insert(grammar: Grammar, write: Of<"insert">, options: ScriptOptions): Omit<WriteScript, "prior"> {
  const { sql, values } = insertion(grammar, write);
  if (hasNaturalKey(write)) {
    return {
      ...standing(grammar, write, options),
      absent: landing(grammar, write, { sql, values }),
      row: locked(grammar, write, matches(grammar, natural(write))),
    };
  }
  return made(grammar, write, options, { sql, values });
}

function upsert(grammar: Grammar, write: Of<"upsert">, options: ScriptOptions): Omit<WriteScript, "prior"> {
  const { sql, values } = insertion(grammar, write);
  if (!hasNaturalKey(write)) return made(grammar, write, options, { sql, values });
  const given = new Map(write.values);
  const taken: Entries = write.update.map((column) => [column, given.get(column)]);
  const set = [...taken, ...(write.set ?? [])];
  const where = matches(grammar, natural(write));
  return {
    ...standing(grammar, write, options),
    found: updating(grammar, write, changes(grammar, { set, by: write.by }), where),
    absent: landing(grammar, write, { sql, values }),
    row: locked(grammar, write, where),
  };
}

/** With RETURNING where the engine has it: a trigger may have changed the very columns that the row is looked up by. */
export function inserting(grammar: Grammar, write: Write, { sql, values }: Fragment): Statement {
  return prepared(grammar.insertReturning ? `${sql} RETURNING ${returned(grammar, write)}` : sql, values);
}

/** An insert whose row is read by its natural key; RETURNING tells where a trigger has changed that, if it shows triggers' doing. */
function landing(grammar: Grammar, write: Write, insert: Fragment): Statement {
  return grammar.returnsTriggered ? inserting(grammar, write, insert) : prepared(insert.sql, insert.values);
}

/** Whether a row with the natural key stands. Plain, so that no gap is locked where none does. */
function standing(
  grammar: Grammar,
  write: Of<"insert"> | Of<"upsert">,
  { locking }: ScriptOptions,
): Omit<WriteScript, "prior"> {
  const where = matches(grammar, natural(write));
  const lock = locking ? grammar.forUpdate : "";
  const sql = `SELECT 1 FROM ${quotePath(grammar, write.table)} WHERE ${where.sql} LIMIT 1${lock}`;
  return { look: prepared(sql, where.values), lookLocks: locking };
}

/** An insert whose row comes back by RETURNING, or is read by the table's key. */
function made(
  grammar: Grammar,
  write: Of<"insert"> | Of<"upsert">,
  { key }: ScriptOptions,
  { sql, values }: Fragment,
): Omit<WriteScript, "prior"> {
  if (grammar.insertReturning) {
    const absent = inserting(grammar, write, { sql, values });
    const found = grammar.returnsTriggered ? undefined : keyOf(grammar, write, key);
    return found === undefined ? { absent } : { absent, row: locked(grammar, write, found) };
  }
  // A table without a key, or none at all: the insert itself says what is wrong, or the row is found missing.
  if (key === undefined || key.columns.length === 0) return { absent: prepared(sql, values) };
  return { absent: prepared(sql, values), row: locked(grammar, write, byKey(grammar, write, key)) };
}

/** What finds an inserted row by its table's key; undefined where the key is neither given nor numbered by the engine. */
function keyOf(
  grammar: Grammar,
  write: Of<"insert"> | Of<"upsert">,
  key: TableKey | undefined,
  [position, count]: readonly [position: number, count: number] = [0, 1],
): Fragment | undefined {
  const given = new Map(write.values);
  const columns = key?.columns ?? [];
  const parts = columns.map((column): Fragment | undefined => {
    const value = [...given].find(([name]) => name.toLowerCase() === column.toLowerCase())?.[1];
    if (column === key?.numbered && (value === undefined || value === null || value === 0)) {
      return { sql: `${grammar.quote(column)} = ${grammar.insertId(position, count)}`, values: [] };
    }
    return value === undefined || value === null ? undefined : matches(grammar, [[column, value]]);
  });
  const known = parts.filter((part) => part !== undefined);
  return known.length === 0 || known.length < parts.length ? undefined : join(known, " AND ");
}

/** @throws {TypeError} the row's key is neither given nor numbered by the engine */
export function byKey(
  grammar: Grammar,
  write: Of<"insert"> | Of<"upsert">,
  key: TableKey | undefined,
  place: readonly [position: number, count: number] = [0, 1],
): Fragment {
  const found = keyOf(grammar, write, key, place);
  if (found !== undefined) return found;
  throw new TypeError(
    `${write.verb}: this engine cannot return the inserted row, so \`values\` must hold the columns of the primary key ` +
      `of ${write.table.join(".")}, unless the server numbers them`,
  );
}

function update(grammar: Grammar, write: Of<"update">): Omit<WriteScript, "prior"> {
  const { version } = write;
  const where = matches(grammar, write.where);
  const row = locked(grammar, write, left(grammar, write));
  if (version === undefined) {
    return {
      absent: updating(grammar, write, changes(grammar, write), where),
      row,
      target: locked(grammar, write, where),
    };
  }
  const column = grammar.quote(version.column);
  const bump: Fragment = { sql: `${column} = ${column} + 1`, values: [] };
  const expected: Fragment = { sql: `${column} = ?`, values: [version.expected] };
  return {
    absent: updating(
      grammar,
      write,
      join([changes(grammar, write), bump], ", "),
      join([where, expected], " AND "),
    ),
    row,
    target: locked(grammar, write, where, `, ${column} AS ${grammar.quote(VERSION_ALIAS)}`),
  };
}

function changes(grammar: Grammar, { set, by = [] }: Pick<Of<"update">, "set" | "by">): Fragment {
  const sums = by.map(([column, value]): Fragment => {
    const own = grammar.quote(column);
    const { sql, values } = grammar.sum(own, grammar.amount(value));
    return { sql: `${own} = ${sql}`, values };
  });
  return join([...(set.length > 0 ? [assigned(grammar, set)] : []), ...sums], ", ");
}

/** What finds the row once it is changed. */
function left(grammar: Grammar, { where, set, by = [] }: Of<"update">): Fragment {
  const changed = new Map(set);
  const added = new Map(by);
  const after = where.map(([column, value]): Fragment => {
    if (changed.has(column)) return matches(grammar, [[column, changed.get(column)]]);
    if (!added.has(column) || value === null) return matches(grammar, [[column, value]]);
    const sum = join([grammar.amount(value), grammar.amount(added.get(column))], " + ");
    return { sql: `${grammar.quote(column)} = ${sum.sql}`, values: sum.values };
  });
  return join(after, " AND ");
}

export function insertion(grammar: Grammar, { table, values }: Of<"insert"> | Of<"upsert">): Fragment {
  const { columns: none, values: defaults } = grammar.defaultRow;
  const columns = values.length === 0 ? none : values.map(([column]) => grammar.quote(column)).join(", ");
  const given = join(
    values.map(([, value]) => placed(value)),
    ", ",
  );
  return {
    sql: `INSERT INTO ${quotePath(grammar, table)} (${columns}) VALUES (${values.length === 0 ? defaults : given.sql})`,
    values: given.values,
  };
}

function assigned(grammar: Grammar, set: Entries): Fragment {
  return join(
    set.map(([column, value]): Fragment => {
      const { sql, values } = placed(value);
      return { sql: `${grammar.quote(column)} = ${sql}`, values };
    }),
    ", ",
  );
}

function updating(grammar: Grammar, { table }: Write, set: Fragment, where: Fragment): Statement {
  return prepared(`UPDATE ${quotePath(grammar, table)} SET ${set.sql} WHERE ${where.sql}`, [
    ...set.values,
    ...where.values,
  ]);
}

/** Reads a row as it is now and not as an older snapshot has it. A second row tells that `where` is too wide. */
function locked(grammar: Grammar, write: Write, where: Fragment, more = ""): Statement {
  const columns = returned(grammar, write);
  return prepared(
    `SELECT ${columns === "*" && more !== "" ? `${grammar.quote(write.table.at(-1) ?? "")}.*` : columns}${more} FROM ${quotePath(grammar, write.table)} WHERE ${where.sql} LIMIT 2${grammar.forUpdate}`,
    where.values,
  );
}

export function returned(grammar: Grammar, { returning }: Write): string {
  return returning?.map((column) => grammar.quote(column)).join(", ") ?? "*";
}

export function natural(write: Of<"insert"> | Of<"upsert">): Entries {
  return write.values.filter(([column]) => write.conflict.includes(column));
}

export function lockRow(grammar: Grammar, table: readonly string[], where: Entries): Statement {
  const { sql, values } = matches(grammar, where);
  return {
    sql: `SELECT 1 AS locked FROM ${quotePath(grammar, table)} WHERE ${sql}${grammar.forUpdate}`,
    values,
  };
}
