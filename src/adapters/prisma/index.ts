export { delegateName, METADATA_FORMAT, type PrismaMetadata } from "./metadata.js";
export type { BoundModel, BoundOperation, Count, TransactionClient } from "./types.js";
