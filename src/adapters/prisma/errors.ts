import { PrismaClientKnownRequestError } from "@prisma/client/runtime/client";
import { driverCause, prismaCode } from "./failure.js";

/** The client has no metadata of its schema, without which a bound write cannot be made. */
export class MissingMetadataError extends TypeError {
  constructor() {
    super(`prisma.$operation() needs to know the schema, and Prisma Client does not tell it. Add to schema.prisma

  generator opledger {
    provider = "opledger"
    output   = "./generated/opledger"
  }

run \`npx prisma generate\`, and pass what it wrote:

  import { metadata } from "./generated/opledger/metadata.js";
  new PrismaClient({ adapter }).$extends(opledger({ metadata }));

prisma.$once() works without.`);
    this.name = "MissingMetadataError";
  }
}

/** Prisma's code for what its driver adapters tell, where its own methods would give the error that code. */
const CODES: Readonly<Record<string, readonly [code: string, message: string]>> = {
  UniqueConstraintViolation: ["P2002", "Unique constraint failed"],
  ForeignKeyConstraintViolation: ["P2003", "Foreign key constraint violated"],
  NullConstraintViolation: ["P2011", "Null constraint violation"],
  LengthMismatch: ["P2000", "The provided value for the column is too long for the column's type"],
  ValueOutOfRange: ["P2020", "Value out of range for the type"],
  TableDoesNotExist: ["P2021", "The table does not exist in the current database"],
  ColumnNotFound: ["P2022", "The column does not exist in the current database"],
  InvalidInputValue: ["P2007", "Invalid input value"],
};

/** SQLite has no code of its own for a sum of integers that is none. */
const OVERFLOW = /^integer overflow$|: integer overflow$/;

/** An error of a raw query as the model's own method would throw it; any other as it is. */
export function asModelError(error: unknown, modelName: string): unknown {
  if (!(error instanceof Error) || prismaCode(error) !== "P2010") return error;
  const cause = driverCause(error);
  const kind = cause !== undefined && OVERFLOW.test(cause.message) ? "ValueOutOfRange" : (cause?.kind ?? "");
  const [code, message] = CODES[kind] ?? [];
  if (code === undefined || cause === undefined) return error;
  const { clientVersion, meta } = error as Error & { clientVersion: string; meta?: Record<string, unknown> };
  const known = new PrismaClientKnownRequestError(`${message}: ${cause.message}`, {
    code,
    clientVersion,
    meta: { ...meta, modelName },
  });
  known.cause = error;
  return known;
}
