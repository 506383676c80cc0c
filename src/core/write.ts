import { Call, type LedgerContext } from "./context.js";
import type { ClaimedOperation, WriteAnswer } from "./dialect.js";
import { type OpledgerError, RolledBackError, RowNotFoundError, VersionConflictError } from "./errors.js";
import { fingerprint } from "./fingerprint.js";
import { type Operation, type OperationRef, summarize } from "./operation.js";
import type { WriteOutcome } from "./outcome.js";
import { writeInTransaction } from "./write-in-transaction.js";
import { type Write, writeArguments } from "./writes.js";

/** How often a write may find that a concurrent transaction decided since its snapshot, before giving up. */
export const WRITE_ROUNDS_MAX = 8;

/** What a plain read of the ledger settles. */
const RECALLED: ReadonlySet<WriteAnswer["status"]> = new Set(["replayed", "mismatch", "erased"]);

const ONE_WRITE_HINT =
  " A bound operation is one write: for a second, different one use `once`, or give each write an operation name of its own.";

/** An answer that is an outcome, and one that is a refusal. */
export type Done = Extract<WriteAnswer, { readonly effect: unknown }>;
export type NotDone = Exclude<WriteAnswer, Done>;

/** What a bound write's caller asked for, where the write says more or other than that. */
export interface Intent {
  readonly verb: string;
  readonly arguments: unknown;
}

/** The identity of a bound write: its fingerprint covers verb and table, and the arguments where there is no payload. */
export function claimWrite(
  identity: Operation,
  ref: OperationRef,
  write: Write,
  intent: Intent = { verb: write.verb, arguments: writeArguments(write) },
): ClaimedOperation {
  const payload = ref.payload === undefined ? intent.arguments : ref.payload;
  const form = { verb: intent.verb, table: write.table.join(".") };
  return { ...identity, fingerprint: fingerprint(payload, form, summarize(identity)) };
}

/**
 * Runs one write once per operation, in one statement where the dialect can; or replays its stored row.
 */
export async function runWrite<Tx, R>(
  context: LedgerContext<Tx>,
  operation: ClaimedOperation,
  write: Write,
): Promise<WriteOutcome<R>> {
  const call = new Call(context, operation);
  const { database, dialect, waitMs, responseMs } = context;
  const ask = asker(call, write);
  const answer = await call.attempt(async () => {
    const recalled = await recall(call, write);
    if (recalled !== undefined) return recalled;
    for (let round = 1; round <= WRITE_ROUNDS_MAX; round++) {
      const read = await ask(round === 1 && call.attempts === 1);
      if (read.status === "expired")
        await database.run(dialect.forget(operation, { waitMs }), waitMs + responseMs);
      else if (read.status === "recheck") call.emit("waited");
      else if (read.status !== "open") return read;
    }
    throw undecided(call, write);
  });
  if (!isDone(answer)) throw refusal(call, answer, write);
  call.ended(answer.status);
  return outcome<R>(answer, write);
}

/** Replays by a plain read, where this process has seen the operation completed. A script starts with such a read itself. */
async function recall<Tx>(call: Call<Tx>, write: Write): Promise<WriteAnswer | undefined> {
  const { database, dialect, responseMs } = call.context;
  if (!call.isRecent || !dialect.singleStatementWrites) return undefined;
  const read = dialect.readWrite(await database.run(dialect.recallWrite(call.operation, write), responseMs));
  return RECALLED.has(read.status) ? read : undefined;
}

/** One attempt, in one statement where the dialect can, and in a transaction of several where it cannot. */
function asker<Tx>(call: Call<Tx>, write: Write): (first: boolean) => Promise<WriteAnswer> {
  const { database, dialect, waitMs, responseMs, codec } = call.context;
  if (!dialect.singleStatementWrites) {
    const { attempts } = call;
    return () => writeInTransaction(call, dialect, write, call.attempts > attempts + 1);
  }
  return async (first) => {
    const options = { waitMs, redact: [...codec.redact], joined: database.joined, first };
    const statement = dialect.write(call.operation, write, options);
    return dialect.readWrite(await database.run(statement, waitMs + responseMs));
  };
}

export function isDone(answer: WriteAnswer): answer is Done {
  return answer.status === "executed" || answer.status === "replayed";
}

export function outcome<R>(answer: Done, write: Write): WriteOutcome<R> {
  const nothing = write.verb === "delete" && answer.effect === "unchanged";
  return { status: answer.status, effect: answer.effect, value: (nothing ? null : answer.row) as R };
}

/** Why a write was refused. */
export function refusal<Tx>(call: Call<Tx>, answer: NotDone, write: Write): OpledgerError {
  const table = write.table.join(".");
  const details = { operation: call.summary };
  if (answer.status === "mismatch") return call.mismatch(ONE_WRITE_HINT);
  if (answer.status === "erased") return call.erased();
  if (answer.status === "not-found") {
    return new RowNotFoundError(
      `Operation ${call.label}: no row of ${table} matched \`where\`. Nothing was written or recorded, so the same key ` +
        "may be tried again once the row exists.",
      details,
    );
  }
  if (answer.status === "version-conflict" && write.verb === "update" && write.version !== undefined) {
    const { expected } = write.version;
    call.emit("conflict");
    return new VersionConflictError(
      `Operation ${call.label}: the row of ${table} has version ${answer.actual}, not ${expected}. Nothing was written or ` +
        "recorded. Read the row again and decide anew, under a new key.",
      { ...details, expected, actual: answer.actual },
    );
  }
  return undecided(call, write);
}

function undecided<Tx>(call: Call<Tx>, write: Write): RolledBackError {
  return new RolledBackError(
    `Operation ${call.label}: the ${write.verb} of ${write.table.join(".")} took no effect ${WRITE_ROUNDS_MAX} times in a row, ` +
      "because others changed the row in between, or because a trigger or rule of the table suppresses it. " +
      "Nothing was written. Try again with the same key.",
    { operation: call.summary },
  );
}
