/** Every code an opledger error can carry. Codes do not change between major versions; messages may. */
export type ErrorCode =
  | "OPLEDGER_FINGERPRINT_MISMATCH"
  | "OPLEDGER_IN_PROGRESS"
  | "OPLEDGER_VERSION_CONFLICT"
  | "OPLEDGER_ROW_NOT_FOUND"
  | "OPLEDGER_OUTCOME_UNKNOWN"
  | "OPLEDGER_ROLLED_BACK"
  | "OPLEDGER_INVALID_OPERATION"
  | "OPLEDGER_RESULT_NOT_STORABLE"
  | "OPLEDGER_STORED_FAILURE"
  | "OPLEDGER_RESULT_ERASED"
  | "OPLEDGER_LEASE_LOST"
  | "OPLEDGER_LEDGER_SCHEMA";

/** What errors and events say of an operation. The key itself never appears: only its hash does. */
export interface OperationSummary {
  readonly scope: string;
  readonly operation: string;
  /** The ledger row's id in hexadecimal: a hash of scope, operation and key. `inspect` and SQL find the row by it. */
  readonly keyHash: string;
}

export interface ErrorDetails {
  readonly operation?: OperationSummary | undefined;
  readonly cause?: unknown;
}

/** The base of every error that opledger itself raises. Discriminate by `code`. */
export abstract class OpledgerError extends Error {
  abstract readonly code: ErrorCode;
  /** Whether running the same operation again, with the same key, is safe and can succeed. */
  abstract readonly retryable: boolean;
  /** The operation concerned; absent where its identity was itself invalid. */
  readonly operation: OperationSummary | undefined;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.operation = details.operation;
  }
}

/** The key was used before with another payload. Nothing ran, and nothing of the stored result is revealed. */
export class FingerprintMismatchError extends OpledgerError {
  readonly code = "OPLEDGER_FINGERPRINT_MISMATCH";
  readonly retryable = false;
}

/** The same operation (or a row it writes) stayed locked by another transaction for longer than `waitMs`. */
export class OperationInProgressError extends OpledgerError {
  readonly code = "OPLEDGER_IN_PROGRESS";
  readonly retryable = true;
  /** Milliseconds after which trying again is reasonable. */
  readonly retryAfterMs: number;

  constructor(message: string, details: ErrorDetails & { readonly retryAfterMs: number }) {
    super(message, details);
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** A compare-and-set lost: the row carries another version. Not recorded; read again and use a new key. */
export class VersionConflictError extends OpledgerError {
  readonly code = "OPLEDGER_VERSION_CONFLICT";
  readonly retryable = false;
  readonly expected: number | bigint;
  /** The version that the row has; null where its version column is NULL. */
  readonly actual: number | bigint | null;

  constructor(
    message: string,
    details: ErrorDetails & { readonly expected: number | bigint; readonly actual: number | bigint | null },
  ) {
    super(message, details);
    this.expected = details.expected;
    this.actual = details.actual;
  }
}

/** No row matched `where`. Not recorded, so the same key may be tried again once the row exists. */
export class RowNotFoundError extends OpledgerError {
  readonly code = "OPLEDGER_ROW_NOT_FOUND";
  readonly retryable = true;
}

/** The connection was lost around COMMIT and could not be resolved in time. The same key tells, when tried again. */
export class OutcomeUnknownError extends OpledgerError {
  readonly code = "OPLEDGER_OUTCOME_UNKNOWN";
  readonly retryable = true;
}

/** The transaction did not commit: nothing of this operation was kept. */
export class RolledBackError extends OpledgerError {
  readonly code = "OPLEDGER_ROLLED_BACK";
  readonly retryable = true;
}

/** The operation's identity, payload or options cannot be used. Nothing was sent to the database. */
export class InvalidOperationError extends OpledgerError {
  readonly code = "OPLEDGER_INVALID_OPERATION";
  readonly retryable = false;
}

/** The work's result cannot be stored, so it could not be replayed. The transaction was rolled back. */
export class ResultNotStorableError extends OpledgerError {
  readonly code = "OPLEDGER_RESULT_NOT_STORABLE";
  readonly retryable = false;
}

/** A replay of an operation whose failure was recorded through `storeError`. */
export class StoredFailureError extends OpledgerError {
  readonly code = "OPLEDGER_STORED_FAILURE";
  readonly retryable = false;
  /** What `storeError` returned when the operation failed. */
  readonly failure: unknown;

  constructor(message: string, details: ErrorDetails & { readonly failure: unknown }) {
    super(message, details);
    this.failure = details.failure;
  }
}

/** A replay of an operation whose stored result was erased on request. It was executed once, and nothing ran again. */
export class StoredResultErasedError extends OpledgerError {
  readonly code = "OPLEDGER_RESULT_ERASED";
  readonly retryable = false;
}

/** A leased step was finished by somebody else after its lease ran out. */
export class LeaseLostError extends OpledgerError {
  readonly code = "OPLEDGER_LEASE_LOST";
  readonly retryable = true;
}

/** The ledger's table is missing or older than this version of opledger. */
export class LedgerSchemaError extends OpledgerError {
  readonly code = "OPLEDGER_LEDGER_SCHEMA";
  readonly retryable = false;
}
