import type { DMMF } from "@prisma/client/runtime/client";
import {
  type DefaultMetadata,
  type EnumMetadata,
  type FieldMetadata,
  METADATA_FORMAT,
  type ModelMetadata,
  type PrismaMetadata,
  type ScalarType,
  type UniqueMetadata,
} from "../metadata.js";
import { readAnnotations, written } from "./annotations.js";
import { readSchemaText, type SchemaText } from "./schema-text.js";

/** What Prisma makes up itself; the rest is left to the database. */
const CLIENT_DEFAULTS = ["now", "uuid", "cuid", "ulid", "nanoid"] as const;
type ClientDefault = (typeof CLIENT_DEFAULTS)[number];

/**
 * A schema's metadata, made from Prisma's own data model and, where that leaves something out, from the text.
 *
 * @throws {Error} the provider is none that opledger has a dialect for, or an annotation cannot be where it is; says all that is wrong
 */
export function describeSchema(datamodel: DMMF.Datamodel, schema: string, provider: string): PrismaMetadata {
  const text = readSchemaText(schema);
  const tables = datamodel.models.filter(({ name }) => !text.views.has(name));
  const annotations = new Map(tables.map((model) => [model.name, readAnnotations(model)]));
  const problems = [
    ...[...annotations.values()].flatMap((found) => found.problems),
    ...misplaced(
      datamodel,
      text,
      [...annotations.values()].reduce((sum, { count }) => sum + count, 0),
    ),
  ];
  if (problems.length > 0) {
    throw new Error(
      `opledger cannot use this schema:\n${problems.map((problem) => `  ${problem}`).join("\n")}`,
    );
  }
  return {
    format: METADATA_FORMAT,
    provider: checkedProvider(provider),
    models: byName(tables, (model) => describeModel(model, text, annotations.get(model.name)?.annotated)),
    enums: byName(datamodel.enums, (it) => describeEnum(it, text)),
  };
}

/** Annotations where nothing reads them: each would be a guarantee that somebody believes to have. */
function misplaced(datamodel: DMMF.Datamodel, text: SchemaText, found: number): string[] {
  const onEnums = datamodel.enums.flatMap(({ name, documentation }) =>
    written(documentation).map(
      (annotation) => `${name}: ${annotation} goes above a field of a model, not above an enum`,
    ),
  );
  const deaf = text.deafAnnotations.map(
    (comment) => `"${comment}": Prisma reads comments of three slashes only`,
  );
  const others = text.annotations - found - onEnums.length;
  if (others <= 0) return [...onEnums, ...deaf];
  return [
    ...onEnums,
    ...deaf,
    `${others} more @opledger comment(s) are on nothing that can be written: an ignored or unsupported field, a view, an enum's value, or a line of its own`,
  ];
}

const PROVIDERS: readonly PrismaMetadata["provider"][] = ["postgresql", "mysql", "sqlite"];

function checkedProvider(given: string): PrismaMetadata["provider"] {
  const provider = PROVIDERS.find((each) => each === given.replace(/^postgres$/, "postgresql"));
  if (provider !== undefined) return provider;
  throw new Error(`opledger works on ${PROVIDERS.join(", ")}; the schema's datasource is ${given}`);
}

function describeModel(
  model: DMMF.Model,
  text: SchemaText,
  annotated: Pick<ModelMetadata, "version" | "operationId"> = {},
): ModelMetadata {
  return {
    table: model.dbName ?? model.name,
    ...(model.schema != null && { schema: model.schema }),
    fields: byName(model.fields, (field) =>
      describeField(field, text.decimalDefault(model.name, field.name)),
    ),
    uniques: uniques(model),
    ...annotated,
  };
}

function uniques({ name: model, primaryKey, fields, uniqueIndexes }: DMMF.Model): ModelMetadata["uniques"] {
  const single = (field: DMMF.Field): UniqueMetadata => ({ fields: [field.name] });
  const composite = (index: DMMF.uniqueIndex | DMMF.PrimaryKey): UniqueMetadata => {
    const [first, ...rest] = index.fields;
    if (first === undefined) throw new Error(`${model}: a unique constraint over no fields`);
    const name = index.name ?? index.fields.join("_");
    return { ...(rest.length > 0 && { name }), fields: [first, ...rest] };
  };
  // A unique index over one field shows up both as an index and at its field.
  const isComposite = (index: DMMF.uniqueIndex): boolean => index.fields.length > 1;
  const [first, ...rest] = [
    ...(primaryKey === null ? [] : [{ ...composite(primaryKey), primary: true as const }]),
    ...fields.filter(({ isId }) => isId).map((field) => ({ ...single(field), primary: true as const })),
    ...fields.filter(({ isUnique }) => isUnique).map(single),
    ...uniqueIndexes.filter(isComposite).map(composite),
  ];
  if (first === undefined) throw new Error(`${model}: neither an id nor a unique constraint`);
  return [first, ...rest];
}

function describeField(field: DMMF.Field, decimalDefault: string | undefined): FieldMetadata {
  const shape = {
    ...(field.isList && { list: true as const }),
    ...(!field.isRequired && { nullable: true as const }),
  };
  if (field.kind === "object") {
    return { kind: "relation", type: field.type, from: field.relationFromFields ?? [], ...shape };
  }
  const initial = describeDefault(field, decimalDefault);
  const column = {
    column: field.dbName ?? field.name,
    ...shape,
    ...(initial !== undefined && { default: initial }),
    ...(field.isUpdatedAt === true && { updatedAt: true as const }),
  };
  if (field.kind === "enum") return { kind: "enum", type: field.type, ...column };
  const [native, args = []] = field.nativeType ?? [];
  return {
    kind: "scalar",
    type: field.type as ScalarType,
    ...(native !== undefined && { native: [native, ...args] as const }),
    ...column,
  };
}

function describeDefault(field: DMMF.Field, decimalDefault: string | undefined): DefaultMetadata | undefined {
  const given = field.default;
  if (!field.hasDefaultValue || given === undefined) return undefined;
  if (typeof given === "object" && "name" in given) {
    if (!isClientDefault(given.name)) return { kind: "database" };
    return { kind: "client", name: given.name, args: given.args };
  }
  const exact = decimalDefault?.match(/-?[\d.]+/g);
  if (exact != null) return { kind: "value", value: field.isList ? exact : (exact[0] ?? "") };
  const convert = (value: DMMF.FieldDefaultScalar): DMMF.FieldDefaultScalar =>
    field.type === "BigInt" || field.type === "Decimal" ? String(value) : value;
  return {
    kind: "value",
    value: Array.isArray(given) ? given.map(convert) : convert(given as DMMF.FieldDefaultScalar),
  };
}

function isClientDefault(name: string): name is ClientDefault {
  return (CLIENT_DEFAULTS as readonly string[]).includes(name);
}

function describeEnum({ name, dbName, values }: DMMF.DatamodelEnum, text: SchemaText): EnumMetadata {
  const schema = text.enumSchemas.get(name);
  return {
    type: dbName ?? name,
    ...(schema !== undefined && { schema }),
    values: byName(values, (value) => value.dbName ?? value.name),
  };
}

function byName<T extends { readonly name: string }, M>(
  all: readonly T[],
  describe: (each: T) => M,
): Readonly<Record<string, M>> {
  return Object.fromEntries(all.map((each) => [each.name, describe(each)]));
}
