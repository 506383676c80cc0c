import { RESULT_BYTES_MAX } from "./codec.js";
import {
  LedgerSchemaError,
  OperationInProgressError,
  type OperationSummary,
  OutcomeUnknownError,
  ResultNotStorableError,
  RolledBackError,
} from "./errors.js";
import type { Failure, FailureKind } from "./executor.js";
import type { Operation } from "./operation.js";
import { unplacedError } from "./unplaced.js";

/** What a message says beside the failure itself. */
interface Circumstances {
  readonly operation: OperationSummary;
  /** Those that were to be written together. */
  readonly operations: readonly Operation[];
  readonly attempts: number;
  readonly joined: boolean;
  readonly waitMs: number;
  readonly migrateCommand: string;
}

type Make = (name: string, cause: unknown, circumstances: Circumstances) => Error;

/** What a failure that is not tried again is to the caller; an error of the caller's own stays as it is. */
export function translate(failure: Failure, error: unknown, circumstances: Circumstances): unknown {
  if (failure.kind === "duplicate" && failure.ledger !== true) return error;
  const make = ERRORS[failure.kind];
  return make === undefined
    ? error
    : make(JSON.stringify(circumstances.operation.operation), error, circumstances);
}

const rolledBack: Make = (name, cause, { operation, attempts, joined }) => {
  const often = attempts === 1 ? "" : ` ${attempts} times in a row`;
  const message = `Operation ${name} was rolled back${often} and nothing of it was kept. ${whoRetries(joined)}`;
  return new RolledBackError(message, { operation, cause });
};

const ERRORS: Partial<Record<FailureKind, Make>> = {
  conflict: rolledBack,
  lost: rolledBack,
  unknown: (name, cause, { operation }) =>
    new OutcomeUnknownError(
      `The connection broke while operation ${name} was being committed, and what became of it could not be found out in ` +
        "time. Run it again with the same key: it replays if it was committed, and executes if it was not.",
      { operation, cause },
    ),
  duplicate: (name, cause, { operation, joined }) =>
    new RolledBackError(
      `Operation ${name} was committed by another transaction that this one's snapshot cannot see. ${whoRetries(joined)}`,
      { operation, cause },
    ),
  locked: (name, cause, { operation, waitMs }) =>
    new OperationInProgressError(
      `Operation ${name}, or a row that it writes, stayed locked by another transaction for longer than ${waitMs} ms. ` +
        "Nothing of this attempt was kept. Try again later with the same key.",
      { operation, cause, retryAfterMs: Math.max(waitMs, 1_000) },
    ),
  "many-rows": (name, cause) =>
    new TypeError(
      `Operation ${name}: \`where\` matched more than one row. Nothing was written. A bound write concerns one row; name its ` +
        "key in `where`, or write many rows inside `once`.",
      { cause },
    ),
  "row-lost": (name, cause) =>
    new TypeError(
      `Operation ${name}: the row could not be read back after it was written, so everything was rolled back. Give the ` +
        "columns of the table's primary key in `values`, and leave the columns of `where` to the update.",
      { cause },
    ),
  "rows-changed": (name, cause) =>
    new TypeError(
      `Operation ${name}: a trigger or rule of the table suppresses or rewrites rows, so the rows of a batch cannot be told ` +
        "apart. Nothing was written. Make these writes one by one.",
      { cause },
    ),
  canceled: (name, cause, { operation }) =>
    new RolledBackError(
      `Operation ${name} was canceled by the server, by its statement timeout or on request. Nothing of it was kept. ` +
        "Try again with the same key; if this repeats, raise the timeout.",
      { operation, cause },
    ),
  "too-large": (name, cause, { operation }) =>
    new ResultNotStorableError(
      `The row of operation ${name} takes more than the ${RESULT_BYTES_MAX} bytes that the ledger stores. Nothing was ` +
        "written. Name the columns that the outcome needs in `returning`.",
      { operation, cause },
    ),
  "not-ours": (name, cause, { operation }) =>
    new RolledBackError(
      `Operation ${name} was rolled back: when its work returned, the transaction had been aborted or ended, most likely ` +
        "because the work caught an SQL error without rolling back to a savepoint, or ended the transaction itself. Nothing " +
        "of it was kept. Let the error through, or wrap the statement in a SAVEPOINT.",
      { operation, cause },
    ),
  ended: (name, cause, { operation }) =>
    new OutcomeUnknownError(
      `The work of operation ${name} ended the transaction it was given, by a statement that the handle could not recognise, ` +
        "such as a call of a procedure that commits. What it had done by then may have been kept. Where it was, the key is " +
        "blocked: check the effect, and remove the ledger's row in state 0 by hand.",
      { operation, cause },
    ),
  schema: (name, cause, { operation, migrateCommand }) =>
    new LedgerSchemaError(
      `The ledger's table is missing or outdated, so operation ${name} did not run. Bring it up to date with: ${migrateCommand}`,
      { operation, cause },
    ),
  unplaced: (_, cause, { operations }) => unplacedError(operations, cause),
  unavailable: (name, cause, { operation }) =>
    new RolledBackError(
      `No connection became available for operation ${name}, or its server takes no statements. Nothing was written. Try ` +
        "again with the same key; if this repeats, the server is down or cut off from its cluster, the pool is too small, or " +
        "work inside `once` uses the pool instead of the transaction it is given.",
      { operation, cause },
    ),
};

function whoRetries(joined: boolean): string {
  return joined
    ? "Roll back your transaction and run it again as a whole, with the same key."
    : "Try again with the same key.";
}
