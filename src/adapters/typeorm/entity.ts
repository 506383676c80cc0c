import { randomUUID } from "node:crypto";
import { type DataSource, type EntityMetadata, FindOperator } from "typeorm";
import { type Entries, Expression } from "../../core/writes.js";
import { isOperationId } from "./operation-id.js";

export type Column = EntityMetadata["columns"][number];
type Driver = DataSource["driver"];

/** A column with the value that it is to hold, and what the caller gave for it. */
export interface Assigned {
  readonly column: Column;
  /** As the driver takes it. */
  readonly value: unknown;
  /** As the caller gave it, before transformers, whose result may be another each time. */
  readonly given: unknown;
}

const known = new WeakMap<EntityMetadata, EntityColumns>();

/** What an entity's properties are in its table. */
export class EntityColumns {
  readonly metadata: EntityMetadata;
  /** The table's name, by its parts. */
  readonly table: readonly string[];
  /** The columns that `find` would select, and the one that tells the class. */
  readonly selected: readonly string[];
  readonly #driver: Driver;
  /** Those that a caller may name. */
  readonly #columns: readonly Column[];
  /** Those that an insert fills by itself where the caller does not. */
  readonly #filled: readonly Column[];

  /** @throws {TypeError} the entity is a tree */
  static of(metadata: EntityMetadata): EntityColumns {
    const made = known.get(metadata) ?? new EntityColumns(metadata);
    known.set(metadata, made);
    return made;
  }

  private constructor(metadata: EntityMetadata) {
    this.metadata = metadata;
    this.table = metadata.tablePath.split(".");
    this.selected = selectedOf(metadata);
    this.#driver = metadata.dataSource.driver;
    this.#columns = metadata.columns.filter((column) => !column.isDiscriminator && !column.isVirtualProperty);
    this.#filled = metadata.columns.filter(
      (column) => column.isVersion || isOperationId(column) || this.#needsUuid(column),
    );
    if (metadata.treeType !== undefined) {
      throw new TypeError(
        `${metadata.name} is a tree: one row of it concerns others, so write it inside \`once\``,
      );
    }
  }

  /**
   * The columns that the caller gave values for.
   *
   * @param verb for messages, and to tell which columns it may write
   */
  assigned(verb: string, values: object, writable: (column: Column) => boolean): Assigned[] {
    this.#refuseUnknown(verb, values);
    const found: Assigned[] = [];
    for (const column of this.#columns) {
      const value = writable(column) ? given(column, values) : undefined;
      if (value !== undefined) found.push(this.#assign(verb, column, value));
    }
    return found;
  }

  /** The columns that criteria ask to be equal to something: an id, or an object of properties. */
  criteria(verb: string, criteria: unknown): Assigned[] {
    const asked = this.#asked(verb, criteria);
    this.#refuseUnknown(verb, asked);
    const found: Assigned[] = [];
    for (const column of this.#columns) {
      const value = given(column, asked);
      if (value !== undefined) found.push(this.#assign(verb, column, equalTo(verb, column, value)));
    }
    if (found.length === 0) throw new TypeError(`${verb}: empty criteria`);
    return found;
  }

  /** What tells the class of a row from those of its siblings. */
  get discriminator(): Entries {
    const { discriminatorColumn, discriminatorValue, childEntityMetadatas, parentEntityMetadata } =
      this.metadata;
    if (discriminatorColumn === undefined || parentEntityMetadata === undefined) return [];
    if (childEntityMetadatas.length > 0) {
      throw new TypeError(`${this.metadata.name} has classes above and below it: write it inside \`once\``);
    }
    return [[discriminatorColumn.databaseName, discriminatorValue]];
  }

  /** What an insert holds beside the caller's values. Nothing of it is part of the operation's payload. */
  inserted(given: readonly Assigned[], operationId: string): Entries {
    const { discriminatorColumn, discriminatorValue } = this.metadata;
    const extra: [string, unknown][] = [];
    for (const column of this.#filled) {
      if (given.some((each) => each.column === column)) continue;
      extra.push([column.databaseName, filling(column, operationId)]);
    }
    if (discriminatorColumn !== undefined) extra.push([discriminatorColumn.databaseName, discriminatorValue]);
    return extra;
  }

  #needsUuid({ isGenerated, generationStrategy }: Column): boolean {
    return isGenerated && generationStrategy === "uuid" && !this.#driver.isUUIDGenerationSupported();
  }

  column(verb: string, propertyPath: string): Column {
    const found = this.metadata.findColumnWithPropertyPath(propertyPath);
    if (found === undefined)
      throw new TypeError(`${verb}: ${this.metadata.name} has no property ${JSON.stringify(propertyPath)}`);
    return found;
  }

  #asked(verb: string, criteria: unknown): object {
    if (criteria === null || criteria === undefined) throw new TypeError(`${verb}: empty criteria`);
    const isValue =
      typeof criteria !== "object" || criteria instanceof Date || criteria instanceof Uint8Array;
    if (isValue) {
      const [id, ...others] = this.metadata.primaryColumns;
      if (id === undefined || others.length > 0) {
        throw new TypeError(`${verb}: ${this.metadata.name} has no single primary column, so give an object`);
      }
      return id.createValueMap(criteria);
    }
    if (Array.isArray(criteria) || criteria instanceof FindOperator) {
      throw new TypeError(
        `${verb}: a bound write concerns one row, so criteria are an id or an object of properties`,
      );
    }
    const [empty] = Object.entries(criteria).find(([, value]) => value === undefined || value === null) ?? [];
    if (empty !== undefined) {
      throw new TypeError(
        `${verb}: \`${empty}\` is null or undefined in the criteria; IsNull() means SQL NULL`,
      );
    }
    return criteria;
  }

  #assign(verb: string, column: Column, value: unknown): Assigned {
    if (typeof value === "function") {
      const sql: unknown = value();
      if (typeof sql !== "string")
        throw new TypeError(`${verb}: \`${column.propertyPath}\` is a function that gives no SQL`);
      return { column, value: new Expression(sql), given: { sql } };
    }
    const { spatialTypes } = this.#driver;
    if (value !== null && spatialTypes.includes(column.type as never)) {
      throw new TypeError(
        `${verb}: the spatial column \`${column.propertyPath}\` can be written only inside \`once\``,
      );
    }
    const prepared: unknown = this.#driver.preparePersistentValue(value, column);
    return { column, value: prepared, given: value };
  }

  /** A name that is misspelt would be left out of the write without a word. */
  #refuseUnknown(verb: string, values: object): void {
    if (Object.getPrototypeOf(values) !== Object.prototype) return;
    const unknown = Object.keys(values).find((name) => !(name in this.metadata.propertiesMap));
    if (unknown !== undefined) {
      throw new TypeError(`${verb}: ${this.metadata.name} has no property ${JSON.stringify(unknown)}`);
    }
  }
}

function selectedOf({ columns }: EntityMetadata): readonly string[] {
  const read = columns.filter(
    ({ isSelect, isVirtual, isVirtualProperty, isDiscriminator }) =>
      isDiscriminator || (isSelect && !isVirtual && !isVirtualProperty),
  );
  return [...new Set(read.map(({ databaseName }) => databaseName))];
}

/** Whether a column is a property of the entity itself, and of nothing that it holds or refers to. */
export function isOwn({ embeddedMetadata, relationMetadata, referencedColumn }: Column): boolean {
  return embeddedMetadata === undefined && relationMetadata === undefined && referencedColumn === undefined;
}

/** A column's value in an entity; of a related entity, what the column refers to. */
function given(column: Column, values: object): unknown {
  // What TypeORM comes to as well, by a longer way.
  if (isOwn(column)) return (values as Record<string, unknown>)[column.propertyName];
  return column.getEntityValue(values);
}

/** What an insert fills a column with. */
function filling(column: Column, operationId: string): unknown {
  if (column.isVersion) return 1;
  return isOperationId(column) ? operationId : randomUUID();
}

function equalTo(verb: string, column: Column, value: unknown): unknown {
  if (!(value instanceof FindOperator)) return value;
  if (value.type === "isNull") return null;
  if (value.type === "equal") return value.value;
  throw new TypeError(
    `${verb}: \`${column.propertyPath}\` may only be equal to something; a bound write concerns one row`,
  );
}

/** Entries as the core takes them, by the column's name in the database. */
export function entriesOf(assigned: readonly Assigned[]): Entries {
  return assigned.map(({ column, value }) => [column.databaseName, value]);
}

/** What the caller gave, by property, for the operation's fingerprint. */
export function payloadOf(assigned: readonly Assigned[]): Record<string, unknown> {
  return Object.fromEntries(assigned.map(({ column, given }) => [column.propertyPath, given]));
}
