/** The single writes that a bound operation can make: what callers say, checked, in the form that dialects take. */

/**
 * SQL in the place of a value, such as the database's clock. It goes into the statement as it is, so it never comes from
 * a caller's data: adapters make it, where their client has the notion.
 */
export class Expression {
  constructor(readonly sql: string) {}
}

/** A value bound to a column; what it may be is the driver's business. */
export type ColumnValues = Readonly<Record<string, unknown>>;

interface Returning {
  /** Columns that the outcome's row holds, and the ledger stores; all of the table's unless given. */
  readonly returning?: readonly string[] | undefined;
}

export interface InsertArgs extends Returning {
  readonly into: string;
  /** Columns left out, or undefined, take their defaults. */
  readonly values: ColumnValues;
  /** A natural key: where a row with these columns' values already stands, it is left alone and returned. */
  readonly conflict?: readonly string[] | undefined;
}

export interface UpsertArgs extends Returning {
  readonly into: string;
  readonly values: ColumnValues;
  /** The unique columns that decide between inserting and updating. */
  readonly conflict: readonly string[];
  /** The columns that an existing row takes over from `values`; all but `conflict` unless given. */
  readonly update?: readonly string[] | undefined;
}

export interface UpdateArgs extends Returning {
  readonly table: string;
  /** Columns that identify one row, by equality. */
  readonly where: ColumnValues;
  readonly set: ColumnValues;
  /** Makes the update a compare-and-set: it applies only at this version, and bumps it by one. */
  readonly version?: number | bigint | undefined;
  /** The column that holds the version; `version` unless given. */
  readonly versionColumn?: string | undefined;
}

export interface IncrementArgs extends Returning {
  readonly table: string;
  readonly where: ColumnValues;
  /** What is added to each column; negative amounts subtract. Decimals go as text. */
  readonly by: Readonly<Record<string, number | bigint | string>>;
}

export interface DeleteArgs extends Returning {
  readonly from: string;
  readonly where: ColumnValues;
}

export interface Version {
  readonly column: string;
  readonly expected: number | bigint;
}

interface WriteShape {
  /** Names of the path to the table: one, or schema and table. */
  readonly table: readonly string[];
  readonly returning: readonly string[] | undefined;
}

export type Write =
  | (WriteShape & { readonly verb: "insert"; readonly values: Entries; readonly conflict: readonly string[] })
  | (WriteShape & {
      readonly verb: "upsert";
      readonly values: Entries;
      readonly conflict: readonly string[];
      readonly update: readonly string[];
      /** What an existing row gets beside, where that is not what a new one has. */
      readonly set?: Entries | undefined;
      /** What is added to further columns of a row that stood. */
      readonly by?: Entries | undefined;
    })
  | (WriteShape & {
      readonly verb: "update";
      readonly where: Entries;
      readonly set: Entries;
      readonly version: Version | undefined;
      /** What is added to further columns in the same statement. */
      readonly by?: Entries | undefined;
    })
  | (WriteShape & { readonly verb: "increment"; readonly where: Entries; readonly by: Entries })
  | (WriteShape & { readonly verb: "delete"; readonly where: Entries });

/** Column and value, in the order the caller gave them. */
export type Entries = readonly (readonly [column: string, value: unknown])[];

/** PostgreSQL takes at most 65,535 parameters; no sane row comes near this. */
export const COLUMNS_MAX = 1_600;

export function insertWrite(args: InsertArgs): Write {
  const values = entries("insert", "values", args.values, "omit");
  const conflict = args.conflict === undefined ? [] : names("insert", "conflict", args.conflict);
  mustHold("insert", values, conflict);
  return { verb: "insert", ...shape("insert", "into", args.into, args), values, conflict };
}

export function upsertWrite(args: UpsertArgs): Write {
  const values = nonEmpty("upsert", "values", entries("upsert", "values", args.values, "omit"));
  const conflict = names("upsert", "conflict", args.conflict);
  const update =
    args.update === undefined
      ? values.map(([column]) => column).filter((column) => !conflict.includes(column))
      : names("upsert", "update", args.update);
  mustHold("upsert", values, [...conflict, ...update]);
  if (update.length === 0) {
    throw new TypeError(
      "upsert: nothing to update; use insert with `conflict` to leave an existing row alone",
    );
  }
  return { verb: "upsert", ...shape("upsert", "into", args.into, args), values, conflict, update };
}

export function updateWrite(args: UpdateArgs): Write {
  const where = nonEmpty("update", "where", entries("update", "where", args.where, "refuse"));
  const set = nonEmpty("update", "set", entries("update", "set", args.set, "refuse"));
  const version = args.version === undefined ? undefined : checkedVersion(args);
  if (version !== undefined && [...set, ...where].some(([column]) => column === version.column)) {
    const column = JSON.stringify(version.column);
    throw new TypeError(`update: neither \`set\` nor \`where\` may hold the version column ${column}`);
  }
  return { verb: "update", ...shape("update", "table", args.table, args), where, set, version };
}

export function incrementWrite(args: IncrementArgs): Write {
  const where = nonEmpty("increment", "where", entries("increment", "where", args.where, "refuse"));
  const by = nonEmpty("increment", "by", entries("increment", "by", args.by, "refuse"));
  for (const [column, amount] of by) {
    const numeric =
      typeof amount === "bigint" ||
      (typeof amount === "number" && Number.isFinite(amount)) ||
      (typeof amount === "string" && /^[+-]?\d+(\.\d+)?$/.test(amount));
    if (!numeric)
      throw new TypeError(`increment: \`by.${column}\` is not a finite number, bigint or decimal text`);
  }
  return { verb: "increment", ...shape("increment", "table", args.table, args), where, by };
}

export function deleteWrite(args: DeleteArgs): Write {
  const where = nonEmpty("delete", "where", entries("delete", "where", args.where, "refuse"));
  return { verb: "delete", ...shape("delete", "from", args.from, args), where };
}

function shape(verb: string, field: string, table: unknown, args: Returning): WriteShape {
  if (typeof table !== "string" || !/^[^.]+(\.[^.]+)?$/.test(table)) {
    throw new TypeError(`${verb}: \`${field}\` must be "table" or "schema.table"`);
  }
  const returning = args.returning === undefined ? undefined : names(verb, "returning", args.returning);
  return { table: table.split("."), returning };
}

function entries(verb: string, field: string, given: unknown, absent: "omit" | "refuse"): Entries {
  if (given === null || typeof given !== "object" || Array.isArray(given)) {
    throw new TypeError(`${verb}: \`${field}\` must be an object of columns and values`);
  }
  const columns = Object.keys(given);
  if (columns.length > COLUMNS_MAX)
    throw new TypeError(`${verb}: \`${field}\` holds more than ${COLUMNS_MAX} columns`);
  const present: [string, unknown][] = [];
  for (const column of columns) {
    const value = (given as ColumnValues)[column];
    if (value !== undefined) present.push([column, value]);
    else if (absent === "refuse") {
      throw new TypeError(
        `${verb}: \`${field}.${column}\` is undefined; use null for SQL NULL, or leave it out`,
      );
    }
  }
  return present;
}

function nonEmpty(verb: string, field: string, found: Entries): Entries {
  if (found.length === 0) throw new TypeError(`${verb}: \`${field}\` is empty`);
  return found;
}

function mustHold(verb: string, values: Entries, wanted: readonly string[]): void {
  const given = new Set(values.map(([column]) => column));
  for (const column of wanted) {
    if (!given.has(column))
      throw new TypeError(`${verb}: column ${JSON.stringify(column)} is not among \`values\``);
  }
}

function names(verb: string, field: string, given: unknown): readonly string[] {
  if (!Array.isArray(given) || given.length === 0 || !given.every((name) => typeof name === "string")) {
    throw new TypeError(`${verb}: \`${field}\` must be a list of column names`);
  }
  return given;
}

function checkedVersion({ version, versionColumn }: UpdateArgs): Version {
  if (typeof version !== "bigint" && !Number.isSafeInteger(version)) {
    throw new TypeError("update: `version` must be a whole number or a bigint");
  }
  return { column: versionColumn ?? "version", expected: version as number | bigint };
}
