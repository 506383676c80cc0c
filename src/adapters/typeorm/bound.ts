import type { EntityMetadata } from "typeorm";
import type { Intent } from "../../core/write.js";
import { type Entries, Expression, type Version, type Write } from "../../core/writes.js";
import { type Assigned, EntityColumns, entriesOf, payloadOf } from "./entity.js";

/** A write of one entity, and what its caller asked for. */
export interface BoundWrite {
  readonly write: Write;
  readonly intent: Intent;
}

/** Made once the operation's id is known, which a column may hold. */
export type MakeWrite = (metadata: EntityMetadata, operationId: string) => BoundWrite;

/** As TypeORM's own updates set it: the database's clock. */
const NOW = new Expression("CURRENT_TIMESTAMP");

export function insert(values: object, conflict: readonly string[]): MakeWrite {
  return (metadata, operationId) => {
    const columns = EntityColumns.of(metadata);
    const given = columns.assigned("insert", values, ({ isInsert }) => isInsert);
    const natural = conflictColumns("insert", columns, conflict, given);
    return {
      write: {
        verb: "insert",
        ...shape(columns),
        values: [...entriesOf(given), ...columns.inserted(given, operationId)],
        conflict: natural,
      },
      intent: { verb: "insert", arguments: { values: payloadOf(given), conflict: [...conflict].sort() } },
    };
  };
}

export function upsert(values: object, conflict: readonly string[]): MakeWrite {
  return (metadata, operationId) => {
    const columns = EntityColumns.of(metadata);
    const given = columns.assigned("upsert", values, ({ isInsert }) => isInsert);
    const natural = conflictColumns("upsert", columns, conflict, given);
    if (natural.length === 0)
      throw new TypeError("upsert: name the properties that tell one row from another");
    const taken = given.filter(
      ({ column }) =>
        !natural.includes(column.databaseName) &&
        column.isUpdate &&
        column.generatedType === undefined &&
        !column.isVersion,
    );
    const touched = touches(metadata, given);
    const update = [...entriesOf(taken), ...touched.set].map(([column]) => column);
    if (update.length === 0) {
      throw new TypeError(
        "upsert: nothing to update; use insert with `conflict` to leave an existing row alone",
      );
    }
    return {
      write: {
        verb: "upsert",
        ...shape(columns),
        values: [...entriesOf(given), ...columns.inserted(given, operationId), ...touched.set],
        conflict: natural,
        update,
        by: touched.by,
      },
      intent: { verb: "upsert", arguments: { values: payloadOf(given), conflict: [...conflict].sort() } },
    };
  };
}

export function update(criteria: unknown, values: object): MakeWrite {
  return (metadata) => {
    const columns = EntityColumns.of(metadata);
    const given = columns.assigned("update", values, ({ isUpdate }) => isUpdate);
    if (given.length === 0) throw new TypeError("update: no property that may be updated");
    return changing(columns, "update", criteria, { set: given, by: [] }, { set: payloadOf(given) });
  };
}

export function add(
  verb: "increment" | "decrement",
  criteria: unknown,
  propertyPath: string,
  amount: number | bigint | string,
): MakeWrite {
  return (metadata) => {
    const columns = EntityColumns.of(metadata);
    const column = columns.column(verb, propertyPath);
    const by = verb === "increment" ? checkedAmount(verb, amount) : negated(checkedAmount(verb, amount));
    return changing(
      columns,
      verb,
      criteria,
      { set: [], by: [[column.databaseName, by]] },
      { property: propertyPath, by: String(amount) },
    );
  };
}

export function softDelete(verb: "softDelete" | "restore", criteria: unknown): MakeWrite {
  return (metadata) => {
    const { deleteDateColumn } = metadata;
    if (deleteDateColumn === undefined)
      throw new TypeError(`${verb}: ${metadata.name} has no @DeleteDateColumn`);
    const value = verb === "softDelete" ? NOW : null;
    const set = [{ column: deleteDateColumn, value, given: undefined }];
    return changing(EntityColumns.of(metadata), verb, criteria, { set, by: [] }, {});
  };
}

export function remove(criteria: unknown): MakeWrite {
  return (metadata) => {
    const columns = EntityColumns.of(metadata);
    const where = columns.criteria("delete", criteria);
    return {
      write: {
        verb: "delete",
        ...shape(columns),
        where: [...entriesOf(where), ...columns.discriminator],
      },
      intent: { verb: "delete", arguments: { where: payloadOf(where) } },
    };
  };
}

/** Inserts an entity that has no version yet, and updates one that has, at that version. */
export function save(entity: object): MakeWrite {
  return (metadata, operationId) => {
    const { versionColumn, primaryColumns, createDateColumn, updateDateColumn } = metadata;
    const ids = primaryColumns.map((column) => column.getEntityValue(entity));
    const version: unknown = versionColumn?.getEntityValue(entity);
    if (version === undefined || version === null) {
      const isNew = versionColumn !== undefined || ids.some((id) => id === undefined || id === null);
      if (isNew) return named("save", insert(entity, [])(metadata, operationId));
      throw new TypeError(
        `save: ${metadata.name} has no @VersionColumn, so whether the row still is what was read cannot be told; ` +
          "use insert, upsert or update",
      );
    }
    const columns = EntityColumns.of(metadata);
    const own = new Set([...primaryColumns, versionColumn, createDateColumn, updateDateColumn]);
    const given = columns.assigned("save", entity, (column) => column.isUpdate && !own.has(column));
    const criteria = primaryColumns
      .concat(versionColumn ?? [])
      .reduce<object>(
        (map, column) =>
          metadata.dataSource.manager.merge(
            metadata.target,
            map,
            column.createValueMap(column.getEntityValue(entity)),
          ),
        {},
      );
    return changing(columns, "save", criteria, { set: given, by: [] }, { set: payloadOf(given) });
  };
}

interface Changes {
  readonly set: readonly Assigned[];
  readonly by: Entries;
}

/** An update that bumps version and update date as TypeORM's own would; with a version in its criteria, a compare-and-set. */
function changing(
  columns: EntityColumns,
  verb: string,
  criteria: unknown,
  { set, by }: Changes,
  asked: Readonly<Record<string, unknown>>,
): BoundWrite {
  const { metadata } = columns;
  const where = columns.criteria(verb, criteria);
  if (set.some(({ column }) => column.isVersion)) {
    throw new TypeError(`${verb}: the version is set by the database; give the one you read in the criteria`);
  }
  const touched = touches(metadata, set);
  const at = where.find(({ column }) => column.isVersion);
  const version = at === undefined ? undefined : versionOf(verb, at);
  return {
    write: {
      verb: "update",
      ...shape(columns),
      where: [...entriesOf(where.filter((each) => each !== at)), ...columns.discriminator],
      set: [...entriesOf(set), ...touched.set],
      by: version === undefined ? [...by, ...touched.by] : by,
      version,
    },
    intent: { verb, arguments: { where: payloadOf(where), ...asked } },
  };
}

/** What every update changes beside what it is asked to. */
function touches(
  metadata: EntityMetadata,
  given: readonly Assigned[],
): { readonly set: Entries; readonly by: Entries } {
  const { versionColumn, updateDateColumn } = metadata;
  const dated = updateDateColumn === undefined || given.some(({ column }) => column === updateDateColumn);
  return {
    set: dated ? [] : [[updateDateColumn.databaseName, NOW]],
    by: versionColumn === undefined ? [] : [[versionColumn.databaseName, 1]],
  };
}

function versionOf(verb: string, { column, value }: Assigned): Version {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) {
    return { column: column.databaseName, expected: value as number | bigint };
  }
  throw new TypeError(`${verb}: the version in the criteria must be a whole number`);
}

function conflictColumns(
  verb: string,
  columns: EntityColumns,
  paths: readonly string[],
  given: readonly Assigned[],
): string[] {
  return paths.map((path) => {
    const column = columns.column(verb, path);
    const found = given.find((each) => each.column === column);
    if (found === undefined || found.value instanceof Expression) {
      throw new TypeError(`${verb}: \`${path}\` is to tell one row from another, so it needs a value`);
    }
    return column.databaseName;
  });
}

function checkedAmount(verb: string, amount: number | bigint | string): number | bigint | string {
  const numeric =
    typeof amount === "bigint" ||
    (typeof amount === "number" && Number.isFinite(amount)) ||
    (typeof amount === "string" && /^[+-]?\d+(\.\d+)?$/.test(amount));
  if (!numeric) throw new TypeError(`${verb}: the amount is not a finite number, bigint or decimal text`);
  return amount;
}

function negated(amount: number | bigint | string): number | bigint | string {
  if (typeof amount !== "string") return -amount;
  return amount.startsWith("-") ? amount.slice(1) : `-${amount.replace(/^\+/, "")}`;
}

function named(verb: string, { write, intent }: BoundWrite): BoundWrite {
  return { write, intent: { ...intent, verb } };
}

/** Spread after a property of the write's own: an object that begins with a spread costs Node 20 microseconds. */
function shape(columns: EntityColumns): {
  readonly table: readonly string[];
  readonly returning: readonly string[];
} {
  return { table: columns.table, returning: columns.selected };
}
