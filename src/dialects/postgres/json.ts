/**
 * A column's value as JSON from which PostgreSQL makes the column's own type, as it would from a parameter: a string in
 * JSON goes through the type's input function. Text that is itself a JSON object, array, number or boolean stands as such,
 * since a json column means its content, and every other column gets it as the same text.
 *
 * @throws {TypeError} an invalid Date, or a value that JSON cannot hold
 * @see https://www.postgresql.org/docs/current/functions-json.html#FUNCTIONS-JSON-PROCESSING
 */
export function valueToJson(value: unknown): string {
  if (value === null || value === undefined) return "null";
  switch (typeof value) {
    case "string":
      return isJsonText(value) ? value : JSON.stringify(value);
    case "number":
      return Number.isFinite(value) ? String(value) : `"${value}"`;
    case "bigint":
    case "boolean":
      return String(value);
    case "object":
      return objectToJson(value);
    default:
      throw new TypeError(`a column's value must not be a ${typeof value}`);
  }
}

function objectToJson(value: object): string {
  if (value instanceof Date) return JSON.stringify(localTime(value));
  if (value instanceof Uint8Array) {
    const hex = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
    return JSON.stringify(`\\x${hex}`);
  }
  if (Array.isArray(value)) return `[${value.map(valueToJson).join(",")}]`;
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "bigint" ? inner.toString() : inner,
  );
}

function isJsonText(text: string): boolean {
  if (!/^[[{\-0-9tf][\s\S]*[\]}0-9el]$/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The local time with its offset, as the driver sends a Date: a column without a time zone keeps the local part. */
function localTime(date: Date): string {
  if (Number.isNaN(date.getTime())) throw new TypeError("a column's value must not be an invalid Date");
  const offset = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1);
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  const year = local.startsWith("-") ? undefined : local.replace(/^\+/, "");
  if (year === undefined) throw new TypeError("a column's value must not be a Date before the year 0");
  return `${year}${offset < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(minutes).padStart(2, "0")}`;
}
