import { delegateName, type ModelMetadata, type PrismaMetadata } from "./metadata.js";
import type { ColumnField } from "./values.js";

/** What follows from a model's metadata alone. */
export interface ModelFacts {
  /** The table's name, behind its schema's where it has one. */
  readonly table: readonly string[];
  /** The fields that have a column, in the order of the schema. */
  readonly columns: readonly (readonly [name: string, field: ColumnField])[];
  /** Of those, the ones that every update sets to the current moment. */
  readonly touched: readonly (readonly [name: string, field: ColumnField])[];
  /** All of a row. */
  readonly whole: Selection;
}

/** The fields that come back of a row, and their columns. */
export interface Selection {
  readonly fields: readonly string[];
  readonly columns: readonly string[];
}

const facts = new WeakMap<ModelMetadata, ModelFacts>();

/** Every write asks for these, so that they are worked out once. */
export function factsOf(model: ModelMetadata): ModelFacts {
  const known = facts.get(model);
  if (known !== undefined) return known;
  const columns = Object.entries(model.fields).flatMap(([name, field]) =>
    field.kind === "relation" ? [] : [[name, field] as const],
  );
  const made: ModelFacts = {
    table: model.schema === undefined ? [model.table] : [model.schema, model.table],
    columns,
    touched: columns.filter(([, { updatedAt }]) => updatedAt === true),
    whole: { fields: columns.map(([name]) => name), columns: columns.map(([, { column }]) => column) },
  };
  facts.set(model, made);
  return made;
}

/** A model, and the names that it goes by. */
export interface NamedModel {
  /** In the schema. */
  readonly name: string;
  /** On the client. */
  readonly delegate: string;
  readonly model: ModelMetadata;
}

const named = new WeakMap<PrismaMetadata, ReadonlyMap<string, NamedModel>>();

/** The models of a schema, by either name. */
export function modelsOf(metadata: PrismaMetadata): ReadonlyMap<string, NamedModel> {
  const known = named.get(metadata);
  if (known !== undefined) return known;
  const made = new Map<string, NamedModel>();
  for (const [name, model] of Object.entries(metadata.models)) {
    const delegate = delegateName(name);
    for (const key of [delegate, name]) made.set(key, { name, delegate, model });
  }
  named.set(metadata, made);
  return made;
}
