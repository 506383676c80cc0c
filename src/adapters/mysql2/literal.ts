import type { Statement } from "../../core/executor.js";

/** Backquoted names and quoted texts, which may hold question marks of their own; and the placeholders. */
const PARTS = /`(?:[^`]|``)*`|'(?:[^']|'')*'|\?/g;

/**
 * A statement with its values written into it. Only for our own statements, and only with literals that mean the same in
 * every SQL mode: digits, hexadecimal bytes, NULL.
 *
 * @param timezone the connection's, by which mysql2 turns a Date into the text of a DATETIME
 */
export function inlined({ sql, values }: Statement, timezone: string | undefined): string {
  let next = 0;
  return sql.replace(PARTS, (part) => (part === "?" ? literal(values[next++], timezone) : part));
}

/** What a value is bound as: mysql2 takes neither decimals nor plain Uint8Arrays for what they are. */
export function bindable(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Uint8Array && !Buffer.isBuffer(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  return decimalText(value) ?? value;
}

/** Decimals of the usual libraries have these and little else in common. */
function decimalText(value: object): string | undefined {
  const { toFixed } = value as { toFixed?: unknown };
  if (typeof toFixed !== "function" || value instanceof Number) return undefined;
  const text: unknown = toFixed.call(value);
  return typeof text === "string" && /^-?\d+(\.\d+)?$/.test(text) ? text : undefined;
}

function literal(given: unknown, timezone: string | undefined): string {
  const value = bindable(given);
  switch (typeof value) {
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`the number ${value} has no form in SQL`);
      // With an exponent it is a DOUBLE, as mysql2 binds numbers; whole ones stay exact.
      return Number.isSafeInteger(value) ? String(value) : `${value.toExponential()}`;
    case "bigint":
      return textLiteral(value.toString());
    case "boolean":
      return value ? "1" : "0";
    case "string":
      return textLiteral(value);
    case "object":
      return value === null ? "NULL" : objectLiteral(value, timezone);
    default:
      throw new TypeError(`a value of type ${typeof value} cannot be bound`);
  }
}

function objectLiteral(value: object, timezone: string | undefined): string {
  if (Buffer.isBuffer(value)) return `X'${value.toString("hex")}'`;
  if (value instanceof Date) return textLiteral(dateText(value, timezone));
  return textLiteral(JSON.stringify(value));
}

function textLiteral(text: string): string {
  return text === "" ? "''" : `_utf8mb4 X'${Buffer.from(text, "utf8").toString("hex")}'`;
}

/** A Date as mysql2 sends it: in the connection's time zone, to the millisecond. */
function dateText(value: Date, timezone: string | undefined): string {
  if (Number.isNaN(value.getTime())) throw new TypeError("an invalid Date cannot be bound");
  const offsetMinutes =
    timezone === undefined || timezone === "local" ? -value.getTimezoneOffset() : offsetOf(timezone);
  return new Date(value.getTime() + offsetMinutes * 60_000).toISOString().replace("T", " ").replace("Z", "");
}

function offsetOf(timezone: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d\d?):?(\d\d)?$/.exec(timezone) ?? [];
  const size = Number(hours ?? 0) * 60 + Number(minutes ?? 0);
  return sign === "-" ? -size : size;
}
