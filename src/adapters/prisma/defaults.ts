import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { newKey } from "../../core/operation.js";
import type { DefaultMetadata } from "./metadata.js";
import type { ColumnField } from "./values.js";

/**
 * What Prisma's own engine would put into a field that `create` leaves out; undefined where the database does that.
 *
 * @param now the same for all fields of a row
 */
export function defaultOf(field: ColumnField, now: Date): unknown {
  if (field.updatedAt === true && field.default === undefined) return now;
  switch (field.default?.kind) {
    case "client":
      return made(field.default, now);
    case "value":
      return schemaValue(field, field.default.value);
    default:
      return undefined;
  }
}

function made({ name, args }: Extract<DefaultMetadata, { kind: "client" }>, now: Date): unknown {
  switch (name) {
    case "now":
      return now;
    case "uuid":
      return args[0] === 7 ? newKey() : randomUUID();
    case "cuid":
      return args[0] === 2 ? cuid2() : cuid();
    case "ulid":
      return ulid(now);
    case "nanoid":
      return random(URL_SAFE, Number(args[0] ?? 21));
  }
}

const URL_SAFE = "ModuleSymbhasOwnPr-0123456789ABCDEFGHNRVfgctiUvz_KqYTJkLxpZXIjQW";
const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const BASE36 = `0123456789${LETTERS}`;
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

function random(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}

/** The least that a row of one process counts, so that two of one millisecond differ for sure. */
let counter = randomInt(36 ** 4);

/** @see https://github.com/paralleldrive/cuid */
function cuid(): string {
  counter = (counter + 1) % 36 ** 4;
  return `c${Date.now().toString(36)}${counter.toString(36).padStart(4, "0")}${random(BASE36, 12)}`;
}

/** @see https://github.com/paralleldrive/cuid2 */
function cuid2(): string {
  return random(LETTERS, 1) + random(BASE36, 23);
}

/** @see https://github.com/ulid/spec */
function ulid(now: Date): string {
  let time = "";
  for (let rest = now.getTime(), digit = 0; digit < 10; digit++, rest = Math.floor(rest / 32)) {
    time = `${CROCKFORD[rest % 32]}${time}`;
  }
  return time + Array.from(randomBytes(16), (byte) => CROCKFORD[byte % 32]).join("");
}

/** A default as the metadata holds it, in the form that an argument has. */
function schemaValue(field: ColumnField, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => schemaValue(field, each));
  if (field.kind === "enum") return value;
  switch (field.type) {
    case "BigInt":
      return BigInt(value as string);
    case "Bytes":
      return Buffer.from(value as string, "base64");
    case "Json":
      return JSON.parse(value as string) as unknown;
    default:
      return value;
  }
}
