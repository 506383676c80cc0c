import type { Entries, Write } from "../../core/writes.js";
import { defaultOf } from "./defaults.js";
import { factsOf, type Selection } from "./facts.js";
import type { ModelMetadata, PrismaMetadata } from "./metadata.js";
import { bound, type ColumnField, NotPlain } from "./values.js";

export type SingleVerb = "create" | "upsert" | "update" | "delete";
type Args = Readonly<Record<string, unknown>>;

export interface Asked {
  readonly metadata: PrismaMetadata;
  readonly model: ModelMetadata;
  readonly verb: SingleVerb;
  readonly args: Args;
  /** The client's own `omit` for the model. */
  readonly omitted: Args;
  /** What goes into the field annotated with `@opledger.operationId`. */
  readonly operationId: string;
  readonly now: Date;
}

/** A write as one statement, and the fields that come back. */
export interface Planned {
  readonly write: Write;
  readonly fields: readonly string[];
}

/**
 * Prisma's arguments as a single write.
 *
 * @throws {NotPlain} a single statement cannot express them, or it is for Prisma to refuse them
 * @throws {TypeError} a compare-and-set that assigns its own version
 */
export function plan(asked: Asked): Planned {
  const { model, verb, args } = asked;
  for (const name of Object.keys(args)) {
    if (args[name] !== undefined && !KNOWN.has(name)) throw new NotPlain(`\`${name}\``);
  }
  const { fields, columns } = chosen(asked);
  const shape: Shape = { table: factsOf(model).table, returning: columns };
  switch (verb) {
    case "create": {
      const values = created(asked, objectOf(args.data));
      return { fields, write: { verb: "insert", ...shape, values, conflict: [] } };
    }
    case "upsert":
      return { fields, write: upsert(asked, shape) };
    case "update":
      return { fields, write: update(asked, shape) };
    case "delete":
      return {
        fields,
        write: { verb: "delete", ...shape, where: unique(asked, objectOf(args.where)).where },
      };
  }
}

/** The arguments that a single statement knows. */
const KNOWN: ReadonlySet<string> = new Set(["data", "where", "create", "update", "select", "omit"]);

interface Shape {
  readonly table: readonly string[];
  readonly returning: readonly string[];
}

function update(asked: Asked, shape: Shape): Write {
  const { model, args } = asked;
  const { where, version } = unique(asked, objectOf(args.where), model.version);
  const data = objectOf(args.data);
  const { set, by } = changed(asked, version === undefined ? data : withoutBump(data, model.version));
  if (version !== undefined) {
    const column = columnField(model, String(model.version)).column;
    // The version is bumped all the same, so that a compare-and-set of nothing else is one.
    return { verb: "update", ...shape, where, set, by, version: { column, expected: version } };
  }
  if (set.length === 0 && by.length === 0) throw new NotPlain("nothing to update");
  if (set.length === 0) return { verb: "increment", ...shape, where, by };
  return { verb: "update", ...shape, where, set, by, version: undefined };
}

function withoutBump(data: Args, version: string | undefined): Args {
  if (version === undefined || data[version] === undefined) return data;
  const { [version]: given, ...rest } = data;
  if (JSON.stringify(given) === '{"increment":1}') return rest;
  throw new TypeError(
    `update: \`where\` holds the version field "${version}", which makes this a compare-and-set that bumps it by one; leave it out of \`data\``,
  );
}

function upsert(asked: Asked, shape: Shape): Write {
  const { args } = asked;
  const { where, fields } = unique(asked, objectOf(args.where));
  if (where.length > fields.length) throw new NotPlain("an upsert with a filter");
  const values = created(asked, objectOf(args.create));
  const given = new Map(values);
  for (const [column, value] of where) {
    if (value === null || !same(given.get(column), value)) {
      throw new NotPlain("an upsert that creates another row than it looks for");
    }
  }
  const conflict = where.map(([column]) => column);
  const { set, by } = changed(asked, objectOf(args.update));
  const taken = set.filter(([column, value]) => given.has(column) && same(given.get(column), value));
  const update = taken.map(([column]) => column);
  const others = set.filter(([column]) => !update.includes(column));
  if (set.length === 0 && by.length === 0) return { verb: "insert", ...shape, values, conflict };
  return { verb: "upsert", ...shape, values, conflict, update, set: others, by };
}

function same(one: unknown, other: unknown): boolean {
  return one instanceof Date && other instanceof Date ? one.getTime() === other.getTime() : one === other;
}

/** The fields that come back, and their columns. */
function chosen({ model, args, omitted }: Asked): Selection {
  const { select = null, omit } = args;
  const { whole, columns } = factsOf(model);
  const all = whole.fields;
  if (select === null) {
    const left = { ...omitted, ...(omit === undefined || omit === null ? {} : objectOf(omit)) };
    const names = Object.keys(left);
    if (names.length === 0) return whole;
    if (names.some((name) => !all.includes(name))) throw new NotPlain("an omission that Prisma refuses");
    return selection(columns.filter(([name]) => left[name] !== true));
  }
  const named = Object.entries(objectOf(select)).flatMap(([name, yes]) => {
    if (yes === false || yes === undefined) return [];
    if (yes !== true || !all.includes(name)) throw new NotPlain(`the selection of \`${name}\``);
    return [[name, columnField(model, name)] as const];
  });
  if (omit !== undefined) throw new NotPlain("a selection that Prisma refuses");
  return selection(named);
}

function selection(chosen: readonly (readonly [name: string, field: ColumnField])[]): Selection {
  if (chosen.length === 0) throw new NotPlain("a selection that Prisma refuses");
  return { fields: chosen.map(([name]) => name), columns: chosen.map(([, { column }]) => column) };
}

/** The columns of a new row. */
function created({ model, metadata, operationId, now }: Asked, data: Args): Entries {
  for (const name of Object.keys(data)) if (data[name] !== undefined) columnField(model, name);
  return factsOf(model).columns.flatMap(([name, field]) => {
    const given = data[name] ?? (data[name] === null ? null : undefined);
    if (given !== undefined) return [[field.column, bound(field, given, metadata)] as const];
    const value = name === model.operationId ? operationId : defaultOf(field, now);
    if (value !== undefined) return [[field.column, bound(field, value, metadata)] as const];
    const optional = field.nullable === true || field.list === true || field.default !== undefined;
    if (!optional) throw new NotPlain(`\`${name}\` is missing`);
    return [];
  });
}

const OPERATIONS = ["set", "increment", "decrement"] as const;

/** What an update assigns, and what it adds. */
function changed(
  { model, metadata, now }: Asked,
  data: Args,
): { readonly set: Entries; readonly by: Entries } {
  const set: [string, unknown][] = [];
  const by: [string, unknown][] = [];
  for (const [name, given] of Object.entries(data)) {
    if (given === undefined) continue;
    const field = columnField(model, name);
    const { verb, value } = operationOf(field, given);
    if (verb === "set") set.push([field.column, bound(field, value, metadata)]);
    else by.push([field.column, amountOf(field, value, verb === "decrement")]);
  }
  for (const [name, field] of factsOf(model).touched) {
    if (data[name] === undefined) set.push([field.column, bound(field, now, metadata)]);
  }
  return { set, by };
}

function operationOf(
  field: ColumnField,
  given: unknown,
): { readonly verb: (typeof OPERATIONS)[number]; readonly value: unknown } {
  const json = field.kind === "scalar" && field.type === "Json";
  if (json || field.list === true || given === null || typeof given !== "object")
    return { verb: "set", value: given };
  if (Object.getPrototypeOf(given) !== Object.prototype) return { verb: "set", value: given };
  const [entry, ...more] = Object.entries(given).filter(([, value]) => value !== undefined);
  const verb = OPERATIONS.find((name) => name === entry?.[0]);
  if (entry === undefined || more.length > 0 || verb === undefined) {
    throw new NotPlain(`the change \`${entry?.[0] ?? "{}"}\``);
  }
  return { verb, value: entry[1] };
}

function amountOf(field: ColumnField, value: unknown, negative: boolean): string {
  const numeric = field.kind === "scalar" && /^(?:Int|BigInt|Float|Decimal)$/.test(field.type);
  const text = String(value);
  if (!numeric || !/^-?\d+(?:\.\d+)?$/.test(text)) throw new NotPlain("an amount that Prisma refuses");
  if (!negative) return text;
  return text.startsWith("-") ? text.slice(1) : `-${text}`;
}

interface UniqueWhere {
  readonly where: Entries;
  /** The fields of the unique constraint that `where` meets. */
  readonly fields: readonly string[];
  readonly version: number | bigint | undefined;
}

/**
 * The columns that `where` compares with, which hold those of a unique constraint.
 *
 * @param versionField taken out of them, where given
 */
function unique({ model, metadata }: Asked, where: Args, versionField?: string): UniqueWhere {
  const flat = flattened(model, where);
  const met = model.uniques.find(({ fields }) => fields.every((name) => flat.has(name)));
  if (met === undefined) throw new NotPlain("no unique field in `where`");
  let version: number | bigint | undefined;
  const entries: [string, unknown][] = [];
  for (const [name, value] of flat) {
    const field = columnField(model, name);
    if (name === versionField && !met.fields.includes(name)) {
      if (typeof value !== "bigint" && !Number.isSafeInteger(value))
        throw new NotPlain("a filter on the version");
      version = value as number | bigint;
      continue;
    }
    const comparable = field.list !== true && !(field.kind === "scalar" && field.type === "Json");
    if (!comparable || isFilter(value)) throw new NotPlain(`a filter on \`${name}\``);
    entries.push([field.column, bound(field, value, metadata)]);
  }
  return { where: entries, fields: met.fields, version };
}

/** A constraint over several fields stands in `where` as an object, under a name of its own. */
export function flattened(model: ModelMetadata, where: Args): ReadonlyMap<string, unknown> {
  const flat = new Map<string, unknown>();
  for (const [name, value] of Object.entries(where)) {
    if (value === undefined) continue;
    const compound = model.uniques.find(
      ({ name: own, fields }) => fields.length > 1 && (own ?? fields.join("_")) === name,
    );
    if (compound === undefined) flat.set(name, value);
    else for (const [part, each] of Object.entries(objectOf(value))) flat.set(part, each);
  }
  return flat;
}

function isFilter(value: unknown): boolean {
  return value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype;
}

function columnField(model: ModelMetadata, name: string): ColumnField {
  const field = Object.hasOwn(model.fields, name) ? model.fields[name] : undefined;
  if (field === undefined) throw new NotPlain(`\`${name}\``);
  if (field.kind === "relation") throw new NotPlain(`the relation \`${name}\``);
  return field;
}

function objectOf(value: unknown): Args {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new NotPlain("arguments that Prisma refuses");
  return value as Args;
}
