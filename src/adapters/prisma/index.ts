export type { PrismaTransactionOptions } from "./client.js";
export { MissingMetadataError } from "./errors.js";
export {
  type OpledgerMethods,
  type OpledgerOptions,
  opledger,
  type PrismaLedger,
  type PrismaOnceOptions,
} from "./extension.js";
export type { PrismaMetadata } from "./metadata.js";
export { ledgerStatementName } from "./statement-name.js";
export type { BoundModel, BoundOperation, Count, TransactionClient } from "./types.js";
