export type { PrismaTransactionOptions } from "./client.js";
export { MissingMetadataError } from "./errors.js";
export {
  type OpledgerMethods,
  type OpledgerOptions,
  opledger,
  type PrismaLedger,
  type PrismaOnceOptions,
} from "./extension.js";
export { delegateName, METADATA_FORMAT, type PrismaMetadata } from "./metadata.js";
export type { BoundModel, BoundOperation, Count, TransactionClient } from "./types.js";
