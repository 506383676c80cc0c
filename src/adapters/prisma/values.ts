import { Decimal, skip } from "@prisma/client/runtime/client";
import type { EnumFieldMetadata, PrismaMetadata, ScalarFieldMetadata } from "./metadata.js";

export type ColumnField = ScalarFieldMetadata | EnumFieldMetadata;

/** An argument that no single statement of ours can express, or that is for Prisma itself to refuse. */
export class NotPlain extends Error {
  constructor(readonly reason: string) {
    super(reason);
  }
}

/** The names of Prisma's values for the nulls of JSON. */
export type JsonNull = "DbNull" | "JsonNull" | "AnyNull";

/** Which of Prisma's nulls a value is; they are instances of classes that differ from one generated client to the next. */
export function jsonNull(value: unknown): JsonNull | undefined {
  const { _getName: name } = (value ?? {}) as { _getName?: unknown };
  if (typeof name !== "function") return undefined;
  const found: unknown = name.call(value);
  return found === "DbNull" || found === "JsonNull" || found === "AnyNull" ? found : undefined;
}

/** Databases whose columns keep what they are sent, whatever their type: they must get what Prisma itself sends. */
const UNTYPED: ReadonlySet<PrismaMetadata["provider"]> = new Set(["sqlite"]);

const WHOLE_MAX = 2_147_483_647;

/**
 * A field's value as it is bound, in the form that Prisma itself would send.
 *
 * @throws {NotPlain} the value is not of the field's type
 */
export function bound(field: ColumnField, value: unknown, { provider, enums }: PrismaMetadata): unknown {
  if (value === skip) throw new NotPlain("`Prisma.skip`");
  if (field.list === true) return listOf(field, value, enums);
  if (value === null) {
    if (field.nullable !== true || (field.kind === "scalar" && field.type === "Json"))
      throw new NotPlain("a null that Prisma refuses");
    return null;
  }
  const scalar = plainValue(field, value, enums);
  const untyped = UNTYPED.has(provider);
  if (scalar instanceof Date) return untyped ? scalar : dateText(scalar, field);
  if (!untyped || field.kind === "enum") return scalar;
  if (field.type === "BigInt") return BigInt(scalar as string);
  return field.type === "Decimal" || field.type === "Float" || field.type === "Int" ? Number(scalar) : scalar;
}

/** @returns text, a boolean, bytes, a Date or null */
function plainValue(field: ColumnField, value: unknown, enums: PrismaMetadata["enums"]): unknown {
  if (field.kind === "enum") {
    const stored = typeof value === "string" ? enums[field.type]?.values[value] : undefined;
    return given(stored !== undefined, stored);
  }
  switch (field.type) {
    case "String":
      return given(typeof value === "string" && value.isWellFormed() && !value.includes("\0"), value);
    case "Boolean":
      return given(typeof value === "boolean", value);
    case "Int":
      return given(Number.isInteger(value) && Math.abs(value as number) <= WHOLE_MAX, String(value));
    case "BigInt":
      return given(typeof value === "bigint" || Number.isSafeInteger(value), String(value));
    case "Float":
      return given(typeof value === "number" && Number.isFinite(value), String(value));
    case "Decimal":
      return given(isDecimal(value), String(value));
    case "DateTime":
      return given(true, dateOf(value));
    case "Json":
      return jsonText(value);
    case "Bytes":
      return given(value instanceof Uint8Array, value);
  }
}

function given(fits: boolean, value: unknown): unknown {
  if (!fits) throw new NotPlain("a value that is not of its field's type");
  return value;
}

function isDecimal(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value === "string") return /^-?\d+(?:\.\d+)?$/.test(value);
  return Decimal.isDecimal(value) && new Decimal(value as Decimal).isFinite();
}

/** The years that every engine writes with four digits. */
const YEAR_MAX = 9_999;

function dateOf(value: unknown): Date {
  const date =
    value instanceof Date
      ? value
      : new Date(
          typeof value === "string" && /^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/.test(value)
            ? value
            : Number.NaN,
        );
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= YEAR_MAX)) throw new NotPlain("a value that is not of its field's type");
  return date;
}

/** Without a time zone, in UTC: Prisma means a column of any type to hold just that. */
function dateText(date: Date, field: ColumnField): string {
  const [day = "", time = ""] = date.toISOString().slice(0, -1).split("T");
  const native = field.kind === "scalar" ? field.native?.[0] : undefined;
  if (native === "Date") return day;
  return native === "Time" || native === "Timetz" ? time : `${day} ${time}`;
}

function jsonText(value: unknown): string | null {
  const name = jsonNull(value);
  if (name === "DbNull") return null;
  if (name === "JsonNull") return "null";
  if (name !== undefined) throw new NotPlain("a null that Prisma refuses");
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new NotPlain("a value that is not of its field's type");
  return text;
}

/** PostgreSQL's text for an array. */
function listOf(field: ColumnField, value: unknown, enums: PrismaMetadata["enums"]): string {
  const list = Array.isArray(value) ? value : (value as { set?: unknown } | null)?.set;
  if (!Array.isArray(list)) throw new NotPlain("a change of a list");
  return `{${list.map((each) => elementText(field, each, enums)).join(",")}}`;
}

function elementText(field: ColumnField, value: unknown, enums: PrismaMetadata["enums"]): string {
  if (value === null || value === undefined) throw new NotPlain("a null that Prisma refuses");
  const scalar = plainValue(field, value, enums);
  if (scalar === null) throw new NotPlain("a null that Prisma refuses");
  const text =
    scalar instanceof Date
      ? dateText(scalar, field)
      : scalar instanceof Uint8Array
        ? `\\x${Buffer.from(scalar).toString("hex")}`
        : String(scalar);
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}
