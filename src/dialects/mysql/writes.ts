import type { ScriptOptions, TableKey } from "../../core/dialect.js";
import type { Statement, WriteScript } from "../../core/executor.js";
import { VERSION_ALIAS } from "../../core/write-in-transaction.js";
import type { Entries, Write } from "../../core/writes.js";
import { amount, type Fragment, join, matches, prepared, quote, quotePath } from "./sql.js";

/** What an engine of the family can do. */
export interface Traits {
  /** `INSERT … RETURNING`. */
  readonly insertReturning: boolean;
  /** `SET STATEMENT … FOR`, which bounds one statement's lock waits. */
  readonly boundsStatements: boolean;
  /** `BEGIN NOT ATOMIC`, which needs no stored program. */
  readonly compoundStatements: boolean;
  /** The shortest lock wait, in seconds. */
  readonly waitSecondsMin: number;
}

type Of<V extends Write["verb"]> = Extract<Write, { verb: V }>;

/** The statements of a write, without those on the ledger. */
export function writeStatements(
  write: Write,
  traits: Traits,
  options: ScriptOptions,
): Omit<WriteScript, "prior"> {
  switch (write.verb) {
    case "insert":
      return insert(write, traits, options);
    case "upsert":
      return upsert(write, traits, options);
    case "update":
      return update(write);
    case "increment":
      return increment(write);
    case "delete": {
      const table = quotePath(write.table);
      const where = matches(write.where);
      return {
        look: locked(write, where),
        lookLocks: true,
        found: prepared(`DELETE FROM ${table} WHERE ${where.sql}`, where.values),
      };
    }
  }
}

/** Whether a natural key tells which row an insert met or made. NULLs never meet. */
export function hasNaturalKey(write: Of<"insert"> | Of<"upsert">): boolean {
  return write.conflict.length > 0 && natural(write).every(([, value]) => value !== null);
}

function insert(write: Of<"insert">, traits: Traits, options: ScriptOptions): Omit<WriteScript, "prior"> {
  const { sql, values } = insertion(write);
  if (hasNaturalKey(write)) {
    return {
      ...standing(write, options),
      absent: inserting(write, traits, { sql, values }),
      row: locked(write, matches(natural(write))),
    };
  }
  return made(write, traits, options, { sql, values });
}

function upsert(write: Of<"upsert">, traits: Traits, options: ScriptOptions): Omit<WriteScript, "prior"> {
  const { sql, values } = insertion(write);
  if (!hasNaturalKey(write)) return made(write, traits, options, { sql, values });
  const given = new Map(write.values);
  const set: Entries = write.update.map((column) => [column, given.get(column)]);
  const where = matches(natural(write));
  return {
    ...standing(write, options),
    found: updating(write, assigned(set), where),
    absent: inserting(write, traits, { sql, values }),
    row: locked(write, where),
  };
}

/** With RETURNING where the engine has it: a trigger may have changed the very columns that the row is looked up by. */
export function inserting(write: Write, traits: Traits, { sql, values }: Fragment): Statement {
  return prepared(traits.insertReturning ? `${sql} RETURNING ${returned(write)}` : sql, values);
}

/** Whether a row with the natural key stands. Plain, so that no gap is locked where none does. */
function standing(
  write: Of<"insert"> | Of<"upsert">,
  { locking }: ScriptOptions,
): Omit<WriteScript, "prior"> {
  const where = matches(natural(write));
  const lock = locking ? " FOR UPDATE" : "";
  const sql = `SELECT 1 FROM ${quotePath(write.table)} WHERE ${where.sql} LIMIT 1${lock}`;
  return { look: prepared(sql, where.values), lookLocks: locking };
}

/** An insert whose row comes back by RETURNING, or is read by the table's key. */
function made(
  write: Of<"insert"> | Of<"upsert">,
  traits: Traits,
  { key }: ScriptOptions,
  { sql, values }: Fragment,
): Omit<WriteScript, "prior"> {
  if (traits.insertReturning) return { absent: inserting(write, traits, { sql, values }) };
  // A table without a key, or none at all: the insert itself says what is wrong, or the row is found missing.
  if (key === undefined || key.columns.length === 0) return { absent: prepared(sql, values) };
  return { absent: prepared(sql, values), row: locked(write, byKey(write, key)) };
}

/** @throws {TypeError} the row's key is neither given nor numbered by the server */
export function byKey(write: Of<"insert"> | Of<"upsert">, key: TableKey | undefined, further = ""): Fragment {
  const given = new Map(write.values);
  const columns = key?.columns ?? [];
  const parts = columns.map((column): Fragment | undefined => {
    const value = [...given].find(([name]) => name.toLowerCase() === column.toLowerCase())?.[1];
    if (column === key?.numbered && (value === undefined || value === null || value === 0)) {
      return { sql: `${quote(column)} = LAST_INSERT_ID()${further}`, values: [] };
    }
    return value === undefined || value === null ? undefined : matches([[column, value]]);
  });
  const known = parts.filter((part) => part !== undefined);
  if (known.length === 0 || known.length < parts.length) {
    throw new TypeError(
      `${write.verb}: this engine cannot return the inserted row, so \`values\` must hold the columns of the primary key ` +
        `of ${write.table.join(".")}, unless the server numbers them`,
    );
  }
  return join(known, " AND ");
}

function update(write: Of<"update">): Omit<WriteScript, "prior"> {
  const { version, set } = write;
  const where = matches(write.where);
  const changed = new Map(set);
  const after = matches(
    write.where.map(([column, value]) => [column, changed.has(column) ? changed.get(column) : value]),
  );
  if (version === undefined) {
    return {
      absent: updating(write, assigned(set), where),
      row: locked(write, after),
      target: locked(write, where),
    };
  }
  const column = quote(version.column);
  const bump: Fragment = { sql: `${column} = ${column} + 1`, values: [] };
  const expected: Fragment = { sql: `${column} = ?`, values: [version.expected] };
  return {
    absent: updating(write, join([assigned(set), bump], ", "), join([where, expected], " AND ")),
    row: locked(write, after),
    target: locked(write, where, `, ${column} AS ${quote(VERSION_ALIAS)}`),
  };
}

function increment(write: Of<"increment">): Omit<WriteScript, "prior"> {
  const where = matches(write.where);
  const by = new Map(write.by);
  const set = write.by.map(([column, value]): Fragment => {
    const { sql, values } = amount(value);
    return { sql: `${quote(column)} = ${quote(column)} + ${sql}`, values };
  });
  const after = write.where.map(([column, value]): Fragment => {
    if (!by.has(column) || value === null) return matches([[column, value]]);
    const sum = join([amount(value), amount(by.get(column))], " + ");
    return { sql: `${quote(column)} = ${sum.sql}`, values: sum.values };
  });
  return {
    absent: updating(write, join(set, ", "), where),
    row: locked(write, join(after, " AND ")),
    target: locked(write, where),
  };
}

export function insertion({ table, values }: Of<"insert"> | Of<"upsert">): Fragment {
  const columns = values.map(([column]) => quote(column)).join(", ");
  return {
    sql: `INSERT INTO ${quotePath(table)} (${columns}) VALUES (${values.map(() => "?").join(", ")})`,
    values: values.map(([, value]) => value),
  };
}

function assigned(set: Entries): Fragment {
  return {
    sql: set.map(([column]) => `${quote(column)} = ?`).join(", "),
    values: set.map(([, value]) => value),
  };
}

function updating({ table }: Write, set: Fragment, where: Fragment): Statement {
  return prepared(`UPDATE ${quotePath(table)} SET ${set.sql} WHERE ${where.sql}`, [
    ...set.values,
    ...where.values,
  ]);
}

/** Reads a row as it is now and not as an older snapshot has it. A second row tells that `where` is too wide. */
function locked(write: Write, where: Fragment, more = ""): Statement {
  const columns = returned(write);
  return prepared(
    `SELECT ${columns === "*" && more !== "" ? `${quote(write.table.at(-1) ?? "")}.*` : columns}${more} FROM ${quotePath(write.table)} WHERE ${where.sql} LIMIT 2 FOR UPDATE`,
    where.values,
  );
}

export function returned({ returning }: Write): string {
  return returning?.map(quote).join(", ") ?? "*";
}

export function natural(write: Of<"insert"> | Of<"upsert">): Entries {
  return write.values.filter(([column]) => write.conflict.includes(column));
}
