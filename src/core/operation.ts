import { hash, randomFillSync } from "node:crypto";
import { InvalidOperationError, type OperationSummary } from "./errors.js";

/** One logical intent: who (`scope`), what (`operation`), which (`key`), with what (`payload`). */
export interface OperationRef {
  /** What is done, e.g. `create_invoice`. 1 to 255 bytes. */
  readonly operation: string;
  /** The idempotency key: made once per intent, the same on every retry. 1 to 255 bytes. */
  readonly key: string;
  /** The client, tenant or user the key belongs to. Take it from the authenticated session, never from the request. */
  readonly scope?: string | undefined;
  /** What identifies the request; another payload under the same key is refused. */
  readonly payload?: unknown;
  /** When the intent was made, for keys that carry no time themselves. Every retry must pass the same moment. */
  readonly issuedAt?: Date | undefined;
  /** How long the key is remembered, in milliseconds; the ledger's `retentionMs` unless given. */
  readonly retentionMs?: number | undefined;
}

/** An operation whose identity was checked and hashed. */
export interface Operation extends OperationSummary {
  readonly key: string;
  /** The ledger row's 16-byte id in the usual text form of a UUID. */
  readonly id: string;
  readonly retentionMs: number;
}

/** Longer keys, scopes and operation names are refused: they are stored beside the row for people to read. */
export const NAME_BYTES_MAX = 255;
/** A time of 48 bits, in milliseconds: the prefix of a UUIDv7, a ULID and our ids. */
const TIME_MAX = 2 ** 48 - 1;
/** 100 years: beyond it the database's own timestamps run into their limits. */
export const RETENTION_MS_MAX: number = 100 * 366 * 86_400_000;

/**
 * Checks an operation and computes its id.
 *
 * @throws {InvalidOperationError} a part is no string, empty, too long, or holds NUL or a lone surrogate
 */
export function identify(ref: OperationRef, defaultRetentionMs: number): Operation {
  if (ref === null || typeof ref !== "object") {
    throw new InvalidOperationError(
      "An operation is an object with `operation` and `key`. Nothing was sent to the database.",
    );
  }
  const scope = ref.scope === undefined ? "" : checkedName("scope", ref.scope);
  const operation = checkedName("operation", ref.operation);
  const key = checkedName("key", ref.key);
  const hex = operationId(scope, operation, key, ref.issuedAt);
  const retentionMs = checkedRetention(ref.retentionMs ?? defaultRetentionMs);
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  return { scope, operation, key, id, keyHash: hex, retentionMs };
}

/** What errors and events may say of an operation. */
export function summarize({ scope, operation, keyHash }: Operation): OperationSummary {
  return { scope, operation, keyHash };
}

/** Names that are their own UTF-8 and whose length is too, as nearly all are: one byte for each of their characters. */
const PLAIN_NAME = /^[ -~]{1,127}$/;

function checkedName(part: string, value: unknown): string {
  if (typeof value === "string" && PLAIN_NAME.test(value)) return value;
  if (typeof value !== "string")
    throw invalid(part, `is a ${value === null ? "null" : typeof value}, not a string`);
  if (value.length === 0) throw invalid(part, "is empty");
  if (value.length > NAME_BYTES_MAX || Buffer.byteLength(value) > NAME_BYTES_MAX) {
    throw invalid(part, `is longer than ${NAME_BYTES_MAX} bytes of UTF-8`);
  }
  if (value.includes("\0")) throw invalid(part, "holds a NUL character");
  if (!value.isWellFormed()) throw invalid(part, "holds a lone surrogate, which UTF-8 cannot store");
  return value;
}

function checkedRetention(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1 || value > RETENTION_MS_MAX) {
    throw invalid("retentionMs", `must be a whole number of milliseconds from 1 to ${RETENTION_MS_MAX}`);
  }
  return value;
}

function invalid(part: string, problem: string): InvalidOperationError {
  return new InvalidOperationError(`The operation's ${part} ${problem}. Nothing was sent to the database.`);
}

/**
 * The 16 bytes that identify an operation, in hexadecimal: SHA-256 over the length-prefixed parts, cut to 128 bits;
 * or, where the key is a UUIDv7 or a ULID or `issuedAt` is given, 48 bits of time followed by 80 bits of the hash,
 * which keeps the ledger's index hot at its right edge. The key's own time wins over `issuedAt`.
 */
function operationId(scope: string, operation: string, key: string, issuedAt: Date | undefined): string {
  const digest = hash("sha256", prefixed(scope, operation, key), "hex");
  const issued = checkedTime(issuedAt);
  const time = timeOf(key) ?? issued;
  return time === undefined ? digest.slice(0, 32) : time + digest.slice(0, 20);
}

/** Each part behind its length in bytes, as 32 bits. As text where that has the same bytes, since it is made faster. */
function prefixed(...parts: readonly [scope: string, operation: string, key: string]): string | Buffer {
  let text = "";
  for (const part of parts) {
    if (part !== "" && !PLAIN_NAME.test(part)) return Buffer.concat(parts.flatMap(prefixedBytes));
    text += `\0\0\0${String.fromCharCode(part.length)}${part}`;
  }
  return text;
}

function prefixedBytes(part: string): Buffer[] {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(Buffer.byteLength(part));
  return [size, Buffer.from(part, "utf8")];
}

/** The moment in an operation's id, in milliseconds since 1970; undefined where the id is a hash and nothing else. */
export function issuedAtMs({ scope, operation, key, keyHash }: Operation): number | undefined {
  const isHash = timeOf(key) === undefined && operationId(scope, operation, key, undefined) === keyHash;
  return isHash ? undefined : Number.parseInt(keyHash.slice(0, 12), 16);
}

/** Clients send a request as soon as they have made its key, or nearly. */
const FRESH_MS = 1_000;

/**
 * Whether the key was made just now, so that the operation has hardly run before. A hint only: clocks differ, and a repeat
 * may follow at once. A hash in the place of the time is never fresh, but for one in a hundred billion.
 */
export function isFresh({ keyHash }: Operation): boolean {
  return Math.abs(Date.now() - Number.parseInt(keyHash.slice(0, 12), 16)) < FRESH_MS;
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i;
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The 48-bit time of a UUIDv7 or ULID as 12 hexadecimal digits. */
function timeOf(key: string): string | undefined {
  if (key.length === 36 && UUID_V7.test(key)) return (key.slice(0, 8) + key.slice(9, 13)).toLowerCase();
  if (key.length !== 26 || !ULID.test(key)) return undefined;
  let time = 0;
  for (const digit of key.slice(0, 10).toUpperCase()) time = time * 32 + CROCKFORD.indexOf(digit);
  return hexTime(time);
}

function checkedTime(issuedAt: unknown): string | undefined {
  if (issuedAt === undefined) return undefined;
  const time = issuedAt instanceof Date ? issuedAt.getTime() : Number.NaN;
  if (!(time >= 0 && time <= TIME_MAX)) throw invalid("issuedAt", "is not a Date after 1970");
  return hexTime(time);
}

function hexTime(time: number): string {
  return time.toString(16).padStart(12, "0");
}

/** Random bytes drawn from the system in bulk, since each draw costs more than a key. */
const ENTROPY_BYTES = 16 * 256;
const entropy = Buffer.allocUnsafeSlow(ENTROPY_BYTES);
let entropyUsed = ENTROPY_BYTES;

/**
 * A new idempotency key: a UUIDv7, so that the ledger's index grows at its right edge. Make it once per intent and
 * keep it with the request, so that every retry sends the same one.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.7
 */
export function newKey(): string {
  if (entropyUsed + 10 > ENTROPY_BYTES) {
    randomFillSync(entropy);
    entropyUsed = 0;
  }
  entropy.writeUInt8(((entropy[entropyUsed] ?? 0) & 0x0f) | 0x70, entropyUsed);
  entropy.writeUInt8(((entropy[entropyUsed + 2] ?? 0) & 0x3f) | 0x80, entropyUsed + 2);
  const time = hexTime(Date.now());
  const random = entropy.toString("hex", entropyUsed, entropyUsed + 10);
  entropyUsed += 10;
  return `${time.slice(0, 8)}-${time.slice(8)}-${random.slice(0, 4)}-${random.slice(4, 8)}-${random.slice(8)}`;
}
