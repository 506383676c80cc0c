import { prismaField } from "../pattern.js";

/** What Prisma calls the types that keys are of, by what SQL calls them; lengths are passed on. */
const TYPES: readonly (readonly [sql: RegExp, type: string, native?: string])[] = [
  [/^(?:bigint|int8|bigserial)$/, "BigInt"],
  [/^(?:integer|int|int4|serial)$/, "Int"],
  [/^(?:smallint|int2)$/, "Int", "SmallInt"],
  [/^bigint unsigned$/, "BigInt", "UnsignedBigInt"],
  [/^(?:integer|int) unsigned$/, "Int", "UnsignedInt"],
  [/^uuid$/, "String", "Uuid"],
  [/^text$/, "String"],
  [/^(?:varchar|character varying)(\(\d+\))/, "String", "VarChar"],
  [/^(?:char|character)(\(\d+\))/, "String", "Char"],
  [/^binary(\(\d+\))$/, "Bytes", "Binary"],
];

/** A key's column as a field in Prisma. What Prisma has no word for is `Unsupported`, which it leaves alone. */
export function prismaKey(column: string, sqlType: string): string {
  const sql = sqlType.trim().toLowerCase();
  for (const [pattern, type, native] of TYPES) {
    const [whole, length = ""] = pattern.exec(sql) ?? [];
    if (whole !== undefined)
      return prismaField(column, type, native === undefined ? [] : [`@db.${native}${length}`]);
  }
  return prismaField(column, `Unsupported("${sql}")`);
}
