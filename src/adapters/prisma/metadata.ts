/**
 * What the extension must know of a Prisma schema and Prisma Client does not tell at run time: columns, ids, uniques,
 * native types, defaults. `generator opledger { provider = "opledger" }` writes it as a module, and `opledger({ metadata })`
 * takes it.
 */

/** Of the module's shape. One written by a generator of another format is refused. */
export const METADATA_FORMAT = 1;

/** The whole schema, as the generated module exports it under the name `metadata`. */
export interface PrismaMetadata {
  readonly format: typeof METADATA_FORMAT;
  /** The datasource's provider. MariaDB goes as `mysql`. */
  readonly provider: "postgresql" | "mysql" | "sqlite";
  /** By the name of the model in the schema, `Account`; its delegate is `account`: see {@link delegateName}. */
  readonly models: Readonly<Record<string, ModelMetadata>>;
  /** By the name of the enum in the schema. */
  readonly enums: Readonly<Record<string, EnumMetadata>>;
}

export interface ModelMetadata {
  /** The table's name in the database. */
  readonly table: string;
  /** The table's schema where `@@schema` gives one. */
  readonly schema?: string;
  /** By the field's name in Prisma, in the order of the schema. Fields of `Unsupported` type and ignored ones are not here. */
  readonly fields: Readonly<Record<string, FieldMetadata>>;
  /** What tells one row from every other in `where`, the primary key first where there is one. */
  readonly uniques: readonly [UniqueMetadata, ...UniqueMetadata[]];
  /** The field with `/// @opledger.version`: in `where` it makes an update a compare-and-set. */
  readonly version?: string;
  /**
   * The field with `/// @opledger.operationId`: whatever a bound `create` or `upsert` inserts holds the operation's id there, the
   * ledger's own, as the text of a UUID. So each row tells by which operation it came to be.
   */
  readonly operationId?: string;
}

/** An id or unique constraint. */
export interface UniqueMetadata {
  /** The name under which `where` takes the fields of a constraint over several: `tenant_number` unless the schema names it. */
  readonly name?: string;
  /** Names of fields, not of columns. */
  readonly fields: readonly [string, ...string[]];
  readonly primary?: true;
}

export type FieldMetadata = ScalarFieldMetadata | EnumFieldMetadata | RelationFieldMetadata;

interface FieldShape {
  /** Whether the field holds an array of its type. */
  readonly list?: true;
  /** Whether the field may be null. */
  readonly nullable?: true;
}

interface ColumnShape extends FieldShape {
  /** The column's name in the database. */
  readonly column: string;
  readonly default?: DefaultMetadata;
  /** Prisma sets it to the current moment on every write that does not. */
  readonly updatedAt?: true;
}

export interface ScalarFieldMetadata extends ColumnShape {
  readonly kind: "scalar";
  readonly type: ScalarType;
  /** `@db.VarChar(191)` as `["VarChar", "191"]`; absent where the schema leaves the type to Prisma. */
  readonly native?: readonly [name: string, ...args: string[]];
}

export interface EnumFieldMetadata extends ColumnShape {
  readonly kind: "enum";
  /** The name of the enum in {@link PrismaMetadata.enums}. */
  readonly type: string;
}

export interface RelationFieldMetadata extends FieldShape {
  readonly kind: "relation";
  /** The name of the model on the other side. */
  readonly type: string;
  /** The fields of this model that point there; empty where it is the other side that points here. */
  readonly from: readonly string[];
}

export type ScalarType =
  | "String"
  | "Boolean"
  | "Int"
  | "BigInt"
  | "Float"
  | "Decimal"
  | "DateTime"
  | "Json"
  | "Bytes";

export type DefaultMetadata =
  /**
   * What the schema says. BigInt and Decimal go as text, Bytes as base64, DateTime as ISO 8601, Json as its text, an enum's value by
   * its name in the schema.
   */
  | { readonly kind: "value"; readonly value: DefaultValue | readonly DefaultValue[] }
  /** What Prisma makes up for every row: `args` tell the version of a `uuid` or `cuid` and the length of a `nanoid`. */
  | {
      readonly kind: "client";
      readonly name: "now" | "uuid" | "cuid" | "ulid" | "nanoid";
      readonly args: readonly (string | number)[];
    }
  /** What the database makes up: `autoincrement()`, `dbgenerated(…)`. */
  | { readonly kind: "database" };

type DefaultValue = string | number | boolean;

export interface EnumMetadata {
  /** The type's name in the database, where the database has enum types. */
  readonly type: string;
  readonly schema?: string;
  /** What the database holds for each value, in the order of the schema. */
  readonly values: Readonly<Record<string, string>>;
}

/** The property of the client that is the model's: `UserAccount` is reached as `client.userAccount`. */
export function delegateName(model: string): string {
  return model.slice(0, 1).toLowerCase() + model.slice(1);
}
