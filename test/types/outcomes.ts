/** Compiled, never run: what callers may rely on of the types of outcomes, writes and errors. */
import type { PgLedger, PgTransaction } from "../../src/adapters/pg/index.js";
import {
  type BatchOutcome,
  type Effect,
  type ErrorCode,
  InvalidOperationError,
  type LedgerEvent,
  type OperationInProgressError,
  type OpledgerError,
  type Outcome,
  type Row,
  VersionConflictError,
  type WriteOutcome,
} from "../../src/index.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only where both types are the very same. */
function same<A, B>(_: Same<A, B>): void {}

interface Account {
  readonly id: number;
  readonly balance: string;
}

export async function outcomes(ledger: PgLedger): Promise<void> {
  const made = await ledger.once({ operation: "o", key: "k" }, async (tx) => {
    same<typeof tx, PgTransaction>(true);
    const { rows } = await tx.query<Account>("SELECT 1", [1]);
    same<typeof rows, Account[]>(true);
    return { invoiceId: 7 };
  });
  same<typeof made, Outcome<{ invoiceId: number }>>(true);
  same<typeof made.status, "executed" | "replayed">(true);
  // @ts-expect-error once tells no effect: it may have had many
  made.effect;
  // @ts-expect-error an outcome is read, not written
  made.status = "replayed";
  const synchronous = await ledger.once({ operation: "o", key: "k" }, () => 1n);
  same<typeof synchronous.value, bigint>(true);
  const nothing = await ledger.once({ operation: "o", key: "k" }, () => {});
  same<typeof nothing.value, void>(true);
}

export async function boundWrites(ledger: PgLedger): Promise<void> {
  const op = ledger.operation({ operation: "o", key: "k", scope: "s", payload: { any: [1n] } });
  const plain = await op.insert({ into: "t", values: {} });
  same<typeof plain, WriteOutcome<Row>>(true);
  same<typeof plain.effect, Effect>(true);
  const typed = await op.increment<Account>({
    table: "t",
    where: { id: 1 },
    by: { balance: 1n, other: "0.5" },
  });
  same<typeof typed.value, Account>(true);
  const gone = await op.delete<Account>({ from: "t", where: { id: 1 } });
  same<typeof gone.value, Account | null>(true);
  // @ts-expect-error a deleted row may not have been there
  gone.value.balance;
  const updated = await op.update<Account>({
    table: "t",
    where: { id: 1 },
    set: { a: null },
    version: 3n,
    versionColumn: "v",
  });
  same<typeof updated, WriteOutcome<Account>>(true);
  const upserted = await op.upsert<Account>({
    into: "t",
    values: { id: 1 },
    conflict: ["id"],
    update: ["a"],
    returning: ["id"],
  });
  same<typeof upserted.value.balance, string>(true);
}

export async function narrowing(outcome: BatchOutcome<Account>, write: WriteOutcome<Account>): Promise<void> {
  if (outcome.status === "refused") {
    same<typeof outcome.error, OpledgerError>(true);
    same<typeof outcome.error.code, ErrorCode>(true);
    // @ts-expect-error a refusal has no value
    outcome.value;
  } else {
    same<typeof outcome.value, Account>(true);
    same<typeof outcome.status, "executed" | "replayed">(true);
    // @ts-expect-error what was not refused has no error
    outcome.error;
  }
  // @ts-expect-error the value of a batch's outcome is known only once the refusal is ruled out
  outcome.value;
  // @ts-expect-error a single write is never refused: it throws
  if (write.status === "refused") throw new Error();
  switch (write.effect) {
    case "inserted":
    case "updated":
    case "deleted":
    case "unchanged":
      break;
    default:
      same<typeof write.effect, never>(true);
  }
}

export function errors(
  error: InvalidOperationError | OperationInProgressError | VersionConflictError,
): unknown {
  switch (error.code) {
    case "OPLEDGER_IN_PROGRESS":
      same<typeof error, OperationInProgressError>(true);
      same<typeof error.retryable, true>(true);
      return error.retryAfterMs;
    case "OPLEDGER_VERSION_CONFLICT":
      same<typeof error, VersionConflictError>(true);
      // @ts-expect-error only a run in progress tells when to try again
      error.retryAfterMs;
      return [error.expected, error.actual];
    default:
      same<typeof error, InvalidOperationError>(true);
      return error.operation?.keyHash;
  }
}

export function wrongCode(error: OpledgerError): void {
  // @ts-expect-error no such code
  if (error.code === "OPLEDGER_NO_SUCH_CODE") return;
  // @ts-expect-error the key itself is in no error
  error.operation?.key;
  if (error instanceof VersionConflictError) same<typeof error.actual, number | bigint | null>(true);
  if (error instanceof InvalidOperationError) same<typeof error.code, "OPLEDGER_INVALID_OPERATION">(true);
}

export function events(event: LedgerEvent): unknown {
  // @ts-expect-error a sweep concerns no operation
  event.operation;
  if (event.type === "swept") return event.removed;
  // @ts-expect-error the key itself is in no event
  event.operation.key;
  if (event.type === "retried") return [event.delayMs, event.attempt, event.reason];
  if (event.type === "executed") return event.attempts;
  // @ts-expect-error only the ends of a call count its attempts
  if (event.type === "waited") return event.attempts;
  return event.durationMs;
}
