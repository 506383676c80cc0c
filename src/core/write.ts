import { Call, type LedgerContext } from "./context.js";
import type { ClaimedOperation, OneStatementDialect, WriteAnswer } from "./dialect.js";
import { type OpledgerError, RolledBackError, RowNotFoundError, VersionConflictError } from "./errors.js";
import { fingerprint, hashed } from "./fingerprint.js";
import { type Operation, type OperationRef, summarize } from "./operation.js";
import type { WriteOutcome } from "./outcome.js";
import { RefusedWrite } from "./script.js";
import { plainArgumentsForm, writeArguments } from "./write-form.js";
import { answerOf, writeInTransaction } from "./write-in-transaction.js";
import type { Write } from "./writes.js";

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
  intent?: Intent,
): ClaimedOperation {
  const about = { verb: intent?.verb ?? write.verb, table: write.table.join(".") };
  const { scope, operation, key, id, keyHash, retentionMs } = identity;
  const short = ref.payload === undefined && intent === undefined ? plainArgumentsForm(write) : undefined;
  const marks =
    short === undefined
      ? fingerprint(claimedPayload(ref, write, intent), about, summarize(identity))
      : hashed(short, about);
  return { scope, operation, key, id, keyHash, retentionMs, fingerprint: marks };
}

function claimedPayload({ payload }: OperationRef, write: Write, intent: Intent | undefined): unknown {
  if (payload !== undefined) return payload;
  return intent === undefined ? writeArguments(write) : intent.arguments;
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
  const answer = await call.attempt(() => attemptWrite(call, write));
  if (!isDone(answer)) throw refusal(call, answer, write);
  call.ended(answer.status);
  return outcome<R>(answer, write);
}

/** Asks until the answer is final. */
async function attemptWrite<Tx>(call: Call<Tx>, write: Write): Promise<WriteAnswer> {
  const { database, dialect, waitMs, responseMs } = call.context;
  if (dialect.singleStatementWrites && call.isRecent) {
    const recalled = await recall(call, dialect, write);
    if (recalled !== undefined) return recalled;
  }
  for (let round = 1; round <= WRITE_ROUNDS_MAX; round++) {
    const read = await ask(call, write, round === 1 && call.attempts === 1).catch((error: unknown) =>
      outrun(call, write, error),
    );
    if (read.status === "expired")
      await database.run(dialect.forget(call.operation, { waitMs }), waitMs + responseMs);
    else if (read.status === "recheck") call.emit("waited");
    else if (read.status !== "open") return read;
  }
  throw undecided(call, write);
}

/**
 * What became of a write that the database refused. A concurrent run of the very operation may have come first and left no
 * room for a second effect, as where a CHECK bounds a balance: then its outcome is this call's too. A server that takes no
 * writes is not asked: what a standby has not heard of may have happened.
 *
 * @throws the refusal, where no earlier run stands
 */
async function outrun<Tx>(call: Call<Tx>, write: Write, error: unknown): Promise<WriteAnswer> {
  const { database } = call.context;
  if (error instanceof RefusedWrite || database.failure(error).kind !== "other") throw error;
  const known = await stored(call, write).catch(() => undefined);
  if (known === undefined) throw error;
  call.emit("waited");
  return known;
}

/** The outcome that the ledger holds, as it is committed now. */
async function stored<Tx>(call: Call<Tx>, write: Write): Promise<WriteAnswer | undefined> {
  const { database, dialect, responseMs } = call.context;
  if (dialect.singleStatementWrites) return recall(call, dialect, write);
  const statement = dialect.recall(call.operation, { locking: database.joined });
  const known = dialect.readRecall(await database.run(statement, responseMs));
  return known === undefined || known.status === "expired" ? undefined : answerOf(call, known);
}

/** Replays by a plain read, where this process has seen the operation completed. A script starts with such a read itself. */
async function recall<Tx>(
  call: Call<Tx>,
  dialect: OneStatementDialect,
  write: Write,
): Promise<WriteAnswer | undefined> {
  const { database, responseMs } = call.context;
  const read = dialect.readWrite(
    await database.run(dialect.recallWrite(call.operation, write), responseMs),
    write,
  );
  return RECALLED.has(read.status) ? read : undefined;
}

/** In one statement where the dialect can, and in a transaction of several where it cannot. */
async function ask<Tx>(call: Call<Tx>, write: Write, first: boolean): Promise<WriteAnswer> {
  const { database, dialect, waitMs, responseMs, codec } = call.context;
  if (!dialect.singleStatementWrites) return writeInTransaction(call, dialect, write, call.attempts > 1);
  const { joined } = database;
  const options = { waitMs, redact: namesOf(codec.redact), joined, first, fresh: first && call.isFresh };
  const answer = dialect.readWrite(
    await database.run(dialect.write(call.operation, write, options), waitMs + responseMs),
    write,
  );
  if (answer.status !== "executed" || answer.unlikeStored !== true) return answer;
  // Where it is gone already, no replay will read it either.
  const known = await recall(call, dialect, write);
  return known?.status === "replayed" ? { ...known, status: "executed" } : answer;
}

const NONE: readonly string[] = [];

function namesOf(redact: ReadonlySet<string>): readonly string[] {
  return redact.size === 0 ? NONE : [...redact];
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
