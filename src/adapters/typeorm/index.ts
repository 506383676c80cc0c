export { createLedger, idempotency, TypeormLedger, type TypeormLedgerOptions } from "./ledger.js";
export { type Idempotency, Idempotent, withIdempotency } from "./mixin.js";
export { OperationId } from "./operation-id.js";
export {
  type BoundRepository,
  type IdempotentRepository,
  type InsertOptions,
  idempotent,
} from "./repository.js";
export {
  type LedgerMigrationOptions,
  ledgerMigration,
  type OperationLedgerOptions,
  type OperationLedgerRow,
  operationLedger,
} from "./schema.js";
export type { Criteria, PropertyPath, Values } from "./types.js";
export { VersionGuard } from "./version-guard.js";
