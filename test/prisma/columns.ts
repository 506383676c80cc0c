import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { EnumMetadata, FieldMetadata, PrismaMetadata } from "../../src/adapters/prisma/metadata.js";
import { prismaGenerate } from "./generate.js";

/** What Prisma Migrate makes of a field on MySQL where the schema names no type of the database. */
const MYSQL_TYPES = {
  String: "varchar(191)",
  Boolean: "tinyint",
  Int: "int",
  BigInt: "bigint",
  Float: "double",
  Decimal: "decimal(65,30)",
  DateTime: "datetime(3)",
  Json: "json",
  Bytes: "longblob",
} as const;

export interface Column {
  readonly column: string;
  readonly type: string;
  readonly nullable: boolean;
}

/** Writes a schema into a folder, generates its metadata and returns it. */
export async function metadataOf(schema: string, folder: string, options = ""): Promise<PrismaMetadata> {
  mkdirSync(folder, { recursive: true });
  const generator = `generator metadata {\n  provider = "opledger"\n  output = "./metadata"\n  language = "js"\n  ${options}\n}\n`;
  const own = schema.replaceAll(/^generator \w+ \{[^}]*\}$/gm, "");
  writeFileSync(join(folder, "schema.prisma"), own + generator);
  await prismaGenerate(join(folder, "schema.prisma"));
  const module = await import(pathToFileURL(join(folder, "metadata/metadata.js")).href);
  return module.metadata as PrismaMetadata;
}

/** The columns that a MySQL schema describes, as the server's catalogue would tell them. */
export async function columnsOf(schema: string, folder: string): Promise<Column[]> {
  const { models, enums } = await metadataOf(schema, folder);
  return Object.values(models)
    .sort((a, b) => (a.table < b.table ? -1 : 1))
    .flatMap(({ table, fields }) =>
      Object.values(fields).flatMap((field) => {
        if (field.kind === "relation") return [];
        const type = mysqlType(field, enums);
        return [{ column: `${table}.${field.column}`, type, nullable: field.nullable === true }];
      }),
    );
}

function mysqlType(
  field: Exclude<FieldMetadata, { kind: "relation" }>,
  enums: Readonly<Record<string, EnumMetadata>>,
): string {
  if (field.kind === "enum") {
    const values = Object.values(enums[field.type]?.values ?? {});
    return `enum(${values.map((value) => `'${value}'`).join(",")})`;
  }
  if (field.native === undefined) return MYSQL_TYPES[field.type];
  const [name, ...args] = field.native;
  return `${name}${args.length === 0 ? "" : `(${args.join(",")})`}`.toLowerCase();
}
