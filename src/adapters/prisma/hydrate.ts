import { Decimal } from "@prisma/client/runtime/client";
import type { Row } from "../../core/executor.js";
import { ROW_TEXT } from "../../dialects/postgres/index.js";
import type { ModelMetadata, PrismaMetadata } from "./metadata.js";
import type { ColumnField } from "./values.js";

/** A row as the ledger holds it, made into what `findUnique` would return. */
export function hydrate(
  row: Row,
  { model, fields }: { readonly model: ModelMetadata; readonly fields: readonly string[] },
  metadata: PrismaMetadata,
): Record<string, unknown> {
  const text = row[ROW_TEXT];
  const read = typeof text === "string" ? readText(text) : { exact: row, plain: row };
  const found: Record<string, unknown> = {};
  for (const name of fields) {
    const field = model.fields[name];
    if (field === undefined || field.kind === "relation") continue;
    const isJson = field.kind === "scalar" && field.type === "Json";
    const source = isJson ? read.plain : read.exact;
    found[name] = fieldValue(field, source[field.column] ?? null, metadata, typeof text === "string");
  }
  return found;
}

const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** What is shorter is a number that JavaScript holds to the last digit, or none. */
const LONG_NUMBER = /[\d.]{16}/;

/** Numbers that a JavaScript number cannot hold are kept as text; JSON columns are read as Prisma reads them. */
function readText(text: string): { readonly exact: Row; readonly plain: Row } {
  const plain = JSON.parse(text) as Row;
  if (!LONG_NUMBER.test(text)) return { exact: plain, plain };
  const quoted = text.replace(TOKENS, (token) => (token.startsWith('"') ? token : `"${token}"`));
  return { exact: JSON.parse(quoted) as Row, plain };
}

function fieldValue(field: ColumnField, value: unknown, metadata: PrismaMetadata, parsed: boolean): unknown {
  if (field.list === true) {
    return Array.isArray(value) ? value.map((each) => scalar(field, each, metadata, parsed)) : [];
  }
  return value === null ? null : scalar(field, value, metadata, parsed);
}

/** @param parsed JSON columns have been parsed already */
function scalar(field: ColumnField, value: unknown, { enums }: PrismaMetadata, parsed: boolean): unknown {
  if (field.kind === "enum") {
    const values = Object.entries(enums[field.type]?.values ?? {});
    return values.find(([, stored]) => stored === value)?.[0] ?? value;
  }
  switch (field.type) {
    case "String":
      return String(value);
    case "Boolean":
      return value === true || value === "true" || Number(value) === 1;
    case "Int":
    case "Float":
      return Number(value);
    case "BigInt":
      return BigInt(value as string | number | bigint);
    case "Decimal":
      return decimalOf(value);
    case "DateTime":
      return dateOf(value);
    case "Json":
      return parsed || typeof value !== "string" ? value : (JSON.parse(value) as unknown);
    case "Bytes":
      return bytesOf(value);
  }
}

/** PostgreSQL's money comes with its sign in front. */
function decimalOf(value: unknown): Decimal {
  return new Decimal(typeof value === "string" ? value.replace(/^[^\d.-]+/, "") : (value as number));
}

/**
 * Prisma takes what stands in a column for UTC, whatever the session's time zone, and so an offset that the session's zone has
 * put there is not the value's.
 */
function dateOf(value: unknown): Date {
  if (value instanceof Date) return value;
  if (typeof value === "number" || typeof value === "bigint") return new Date(Number(value));
  const text = String(value);
  if (/^-?\d+$/.test(text)) return new Date(Number(text));
  const [day, time = "00:00:00"] = /^\d\d:/.test(text) ? ["1970-01-01", text] : text.split(/[ T]/);
  return new Date(`${day}T${time.replace(/(?:Z|[+-]\d\d(?::?\d\d)*)$/, "")}Z`);
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value !== "string") return new Uint8Array(value as Uint8Array);
  return new Uint8Array(value.startsWith("\\x") ? Buffer.from(value.slice(2), "hex") : unescaped(value));
}

/** Bytes as PostgreSQL writes them where `bytea_output` is `escape`. */
function unescaped(text: string): Buffer {
  const latin = text.replaceAll(/\\(\\|\d{3})/g, (_, code: string) =>
    code === "\\" ? "\\" : String.fromCharCode(Number.parseInt(code, 8)),
  );
  return Buffer.from(latin, "latin1");
}
