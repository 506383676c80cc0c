import { type OperationSummary, ResultNotStorableError } from "./errors.js";
import type { Effect } from "./outcome.js";
import { plainJson } from "./plain-json.js";
import { ExactDecimal, fromTagged, type Json, OversizeError, toTagged, UnencodableError } from "./tagged.js";

/** The first byte of a stored result says how to read the rest. Formats are never reused. */
export const FORMAT = {
  /** Tagged JSON written by `once`; no bytes after the first mean `undefined`. */
  value: 0x01,
  /** One letter for the effect, then the row as JSON written by the database. */
  row: 0x02,
  /** One letter for the effect, then the row as the driver gave it, as tagged JSON. */
  driverRow: 0x03,
} as const;

/** The letter that stands for an effect in a stored row. */
export const EFFECT_LETTER = { inserted: "i", updated: "u", deleted: "d", unchanged: "n" } as const;

const EFFECT_OF: ReadonlyMap<string, Effect> = new Map(
  Object.entries(EFFECT_LETTER).map(([effect, letter]) => [letter, effect as Effect]),
);

/** What is stored was written in another form than the one that it is read in: by work, where a row was expected. */
export class OtherFormError extends RangeError {
  constructor(what = "is no row") {
    super(`The stored result ${what}, and so not what this version of opledger expects there.`);
  }
}

/** A larger result is refused: the ledger is read on every replay and is no place for documents. */
export const RESULT_BYTES_MAX: number = 1024 * 1024;

const VALUE_MARK = String.fromCharCode(FORMAT.value);

export interface CodecOptions {
  /** Makes a stored decimal into the caller's own class, e.g. `(text) => new Decimal(text)`. */
  readonly decimal: (text: string) => unknown;
  /** Names of properties whose values are stored as null, at any depth. */
  readonly redact: ReadonlySet<string>;
}

export const DEFAULT_CODEC: CodecOptions = {
  decimal: (text) => new ExactDecimal(text),
  redact: new Set(),
};

/** @throws {ResultNotStorableError} with the path of the value that has no stored form, or the size over the limit */
export function encodeResult(value: unknown, options: CodecOptions, operation: OperationSummary): Buffer {
  let text = "";
  try {
    if (value !== undefined) text = textOf(value, options.redact);
  } catch (error) {
    if (error instanceof OversizeError) throw tooLarge("more", operation);
    if (error instanceof UnencodableError) throw unencodable(error, operation);
    throw error;
  }
  const bytes = Buffer.from(VALUE_MARK + text, "utf8");
  if (bytes.length > RESULT_BYTES_MAX) throw tooLarge(`${bytes.length} bytes`, operation);
  return bytes;
}

const FORM = { collections: false, charactersMax: RESULT_BYTES_MAX } as const;

function textOf(value: unknown, redact: ReadonlySet<string>): string {
  const plain = redact.size === 0 ? plainJson(value) : undefined;
  return plain ?? JSON.stringify(redacted(toTagged(value, FORM), redact));
}

function unencodable(cause: UnencodableError, operation: OperationSummary): ResultNotStorableError {
  return new ResultNotStorableError(
    `The result cannot be stored: it holds ${cause.message}. The transaction was rolled back. ` +
      "Return plain values (JSON, bigint, Date, Uint8Array, a decimal) from the work.",
    { operation, cause },
  );
}

function tooLarge(size: string, operation: OperationSummary): ResultNotStorableError {
  return new ResultNotStorableError(
    `The result takes ${size}, and the ledger stores at most ${RESULT_BYTES_MAX} bytes. The transaction was rolled back. ` +
      "Return an id and keep the document in a table of your own.",
    { operation },
  );
}

/** @throws {RangeError} the bytes were written by a later version of opledger */
export function decodeResult(bytes: Uint8Array, options: CodecOptions): unknown {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (body[0] === FORMAT.value) {
    if (body.length === 1) return undefined;
    const text = body.toString("utf8", 1);
    const form = JSON.parse(text) as Json;
    // Every tag, and every key that was escaped, starts with a `$`.
    return text.includes('"$') ? fromTagged(form, options) : form;
  }
  if (body[0] === FORMAT.row) return body.length === 2 ? null : JSON.parse(body.toString("utf8", 2));
  if (body[0] === FORMAT.driverRow) return decodeRow(body, options).row;
  throw new RangeError(
    `The stored result has format ${body[0]}, which this version of opledger does not know.`,
  );
}

/**
 * A row as the driver gave it, and what was done to it.
 *
 * @throws {ResultNotStorableError} the row takes more bytes than the ledger stores, or holds something without a form
 */
export function encodeRow(
  effect: Effect,
  row: Readonly<Record<string, unknown>>,
  options: CodecOptions,
  operation: OperationSummary,
): Buffer {
  let bytes: Buffer;
  try {
    const text = JSON.stringify(redacted(toTagged(row, FORM), options.redact));
    bytes = Buffer.concat([Buffer.of(FORMAT.driverRow), Buffer.from(EFFECT_LETTER[effect] + text, "utf8")]);
  } catch (error) {
    if (error instanceof OversizeError) throw unfitRow("takes more bytes than", operation);
    if (error instanceof UnencodableError)
      throw unfitRow(`holds ${error.message}, which is not what`, operation);
    throw error;
  }
  if (bytes.length > RESULT_BYTES_MAX) throw unfitRow("takes more bytes than", operation);
  return bytes;
}

function unfitRow(what: string, operation: OperationSummary): ResultNotStorableError {
  return new ResultNotStorableError(
    `The row of operation ${JSON.stringify(operation.operation)} ${what} the ledger stores (${RESULT_BYTES_MAX} bytes of ` +
      "values). Nothing was written. Name the columns that the outcome needs in `returning`.",
    { operation },
  );
}

/**
 * A row as the database wrote it: its text is JSON, empty where there was no row.
 *
 * @returns undefined where the bytes are something else
 */
export function storedText(
  bytes: Uint8Array,
): { readonly effect: Effect; readonly text: string } | undefined {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const effect = EFFECT_OF.get(body.toString("latin1", 1, 2));
  if (body[0] !== FORMAT.row || effect === undefined) return undefined;
  return { effect, text: body.toString("utf8", 2) };
}

/** @throws {OtherFormError} the bytes are no row written by {@link encodeRow} */
export function decodeRow(
  bytes: Uint8Array,
  options: CodecOptions,
): { readonly effect: Effect; readonly row: Record<string, unknown> } {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const effect = EFFECT_OF.get(body.toString("latin1", 1, 2));
  if (body[0] !== FORMAT.driverRow || effect === undefined) {
    throw new OtherFormError(`has format ${body[0]}`);
  }
  // Drivers give bytes as Buffers, and a replay must give what the first run gave.
  const revive = { decimal: options.decimal, bytes: (found: Buffer) => found };
  return {
    effect,
    row: fromTagged(JSON.parse(body.toString("utf8", 2)) as Json, revive) as Record<string, unknown>,
  };
}

function redacted(form: Json, names: ReadonlySet<string>): Json {
  if (names.size === 0 || form === null || typeof form !== "object") return form;
  if (Array.isArray(form)) return form.map((entry) => redacted(entry, names));
  const kept: Record<string, Json> = Object.create(null);
  for (const [key, entry] of Object.entries(form)) {
    const tag = key.startsWith("$") && !key.startsWith("$$");
    const name = key.startsWith("$$") ? key.slice(1) : key;
    kept[key] = !tag && names.has(name) ? null : redacted(entry, names);
  }
  return kept;
}
