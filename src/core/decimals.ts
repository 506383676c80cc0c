/**
 * What a counter held before later amounts were added to it, exactly, and of the type that the driver gave it in.
 *
 * @returns undefined where it cannot be said exactly, as with floating point
 */
export function before(value: unknown, amounts: readonly unknown[]): unknown {
  if (value === null || amounts.length === 0) return value;
  const text = typeof value === "number" && !Number.isSafeInteger(value) ? undefined : plainText(value);
  const texts = amounts.map(plainText);
  if (text === undefined) return undefined;
  const scale = scaleOf(text);
  let units = unitsOf(text, scale);
  for (const amount of texts) {
    if (amount === undefined || scaleOf(amount) > scale) return undefined;
    units -= unitsOf(amount, scale);
  }
  const made = format(units, scale);
  if (typeof value === "bigint") return units;
  return typeof value === "number" ||
    (scale === 0 && Number.isSafeInteger(Number(made)) && !Number.isSafeInteger(Number(text)))
    ? numberOf(made)
    : made;
}

/** A driver that gives whole numbers as numbers gives those beyond 2^53 as text. */
function numberOf(text: string): number | string {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

function plainText(value: unknown): string | undefined {
  const text =
    typeof value === "string" || typeof value === "number" || typeof value === "bigint" ? String(value) : "";
  return /^[+-]?\d+(\.\d+)?$/.test(text) ? text : undefined;
}

function scaleOf(text: string): number {
  return text.split(".")[1]?.length ?? 0;
}

function unitsOf(text: string, scale: number): bigint {
  const [whole = "0", fraction = ""] = text.replace(/^[+-]/, "").split(".");
  const units = BigInt(whole + fraction.padEnd(scale, "0"));
  return text.startsWith("-") ? -units : units;
}

function format(units: bigint, scale: number): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, "0");
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return units < 0n ? `-${text}` : text;
}
