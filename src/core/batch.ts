import { Call, type LedgerContext } from "./context.js";
import type { BatchEntry, WriteAnswer } from "./dialect.js";
import type { OpledgerError } from "./errors.js";
import { identify, type OperationRef } from "./operation.js";
import type { Refused, WriteOutcome } from "./outcome.js";
import { claimWrite, isDone, outcome, refusal, WRITE_ROUNDS_MAX } from "./write.js";
import { writeManyInTransaction } from "./write-many-in-transaction.js";
import type { Write } from "./writes.js";

/** A larger batch holds its locks for too long and answers too late; send several. */
export const BATCH_MAX = 1_000;

export type BatchOutcome<R> = WriteOutcome<R> | Refused<OpledgerError>;

/**
 * Runs many writes of one shape in one statement. All that are not refused commit together.
 *
 * @throws {TypeError} the writes are not of one table and the same columns, or are too many
 */
export async function runBatch<Tx, R>(
  context: LedgerContext<Tx>,
  refs: readonly OperationRef[],
  writes: readonly Write[],
): Promise<BatchOutcome<R>[]> {
  checkShapes(writes);
  const entries = refs.map((ref, index) => {
    const write = required(writes[index]);
    return { write, operation: claimWrite(identify(ref, context.retentionMs), ref, write) };
  });
  const answers: (WriteAnswer | undefined)[] = entries.map(() => undefined);
  for (let open = indexes(answers); open.length > 0; open = indexes(answers)) {
    await answerFirsts(context, entries, open, answers);
  }
  return entries.map((entry, index) =>
    report<Tx, R>(new Call(context, entry.operation), entry, required(answers[index])),
  );
}

function indexes(answers: readonly (WriteAnswer | undefined)[]): number[] {
  return answers.flatMap((answer, index) => (answer === undefined ? [index] : []));
}

/**
 * Settles the first open mention of each operation, and with it those that repeat it. A later mention with another
 * fingerprint stays open where the first one was itself the odd one out.
 */
async function answerFirsts<Tx>(
  context: LedgerContext<Tx>,
  entries: readonly BatchEntry[],
  open: readonly number[],
  answers: (WriteAnswer | undefined)[],
): Promise<void> {
  const firsts = new Map<string, number>();
  for (const index of open) {
    const { id } = required(entries[index]).operation;
    if (!firsts.has(id)) firsts.set(id, index);
  }
  const leaders = [...firsts.values()];
  const settled = await settle(
    context,
    leaders.map((index) => required(entries[index])),
  );
  leaders.forEach((index, place) => {
    answers[index] = required(settled[place]);
  });
  for (const index of open) {
    const { operation } = required(entries[index]);
    const leader = required(firsts.get(operation.id));
    const answer = required(answers[leader]);
    if (leader === index) continue;
    if (operation.fingerprint.equals(required(entries[leader]).operation.fingerprint)) {
      answers[index] = answer.status === "executed" ? { ...answer, status: "replayed" } : answer;
    } else if (isDone(answer)) answers[index] = { status: "mismatch" };
  }
}

/** Asks until every operation's answer is final, each time only for those whose answer was not. */
async function settle<Tx>(
  context: LedgerContext<Tx>,
  entries: readonly BatchEntry[],
): Promise<WriteAnswer[]> {
  const { database, dialect, waitMs, responseMs } = context;
  const answers: WriteAnswer[] = entries.map(() => ({ status: "recheck" }));
  let open = entries.map((_, index) => index);
  for (let round = 1; round <= WRITE_ROUNDS_MAX && open.length > 0; round++) {
    const asked = open.map((index) => required(entries[index]));
    const operations = asked.map(({ operation }) => operation);
    const call = new Call(context, required(operations[0]), operations);
    const found = await call.attempt(() => askAgain(call, asked));
    found.forEach((answer, place) => {
      answers[required(open[place])] = answer;
    });
    open = open.filter((index) => ["recheck", "expired"].includes(required(answers[index]).status));
    for (const index of open) {
      if (answers[index]?.status === "expired") {
        const forget = dialect.forget(required(entries[index]).operation, { waitMs });
        await call.attempt(() => database.run(forget, waitMs + responseMs));
      }
    }
  }
  return answers;
}

/**
 * One attempt, and a second one where the database refused it: concurrent runs of some of the operations may have come first
 * and left no room for a second effect, and then these replay. A transaction of several statements tries twice by itself.
 */
async function askAgain<Tx>(call: Call<Tx>, entries: readonly BatchEntry[]): Promise<readonly WriteAnswer[]> {
  try {
    return await ask(call, entries);
  } catch (error) {
    const { database, dialect } = call.context;
    if (!dialect.singleStatementWrites || database.failure(error).kind !== "other") throw error;
    return ask(call, entries);
  }
}

/** One attempt at all of them, in one statement where the dialect can. */
async function ask<Tx>(call: Call<Tx>, entries: readonly BatchEntry[]): Promise<readonly WriteAnswer[]> {
  const { database, dialect, waitMs, responseMs, codec } = call.context;
  if (!dialect.singleStatementWrites) return writeManyInTransaction(call, dialect, entries);
  const options = { waitMs, redact: [...codec.redact], joined: database.joined };
  const found = await database.run(dialect.writeMany(entries, options), waitMs + responseMs);
  return dialect.readWriteMany(found, entries.length);
}

function report<Tx, R>(call: Call<Tx>, { write }: BatchEntry, answer: WriteAnswer): BatchOutcome<R> {
  if (!isDone(answer)) return { status: "refused", error: refusal(call, answer, write) };
  call.ended(answer.status);
  return outcome<R>(answer, write);
}

function checkShapes(writes: readonly Write[]): void {
  if (writes.length > BATCH_MAX) {
    throw new TypeError(`a batch holds at most ${BATCH_MAX} operations, not ${writes.length}; send several`);
  }
  const shapes = writes.map(shape);
  for (const found of shapes) {
    if (found !== shapes[0]) {
      throw new TypeError("every write of a batch must have the same table and the same columns");
    }
  }
}

function shape(write: Write): string {
  const columns = (entries: readonly (readonly [string, unknown])[]): string[] =>
    entries.map(([column]) => column).sort();
  const own =
    write.verb === "insert"
      ? [columns(write.values), write.conflict]
      : write.verb === "increment"
        ? [columns(write.where), columns(write.by)]
        : [];
  return JSON.stringify([write.verb, write.table, write.returning ?? null, ...own]);
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a batch lost count of its entries");
  return value;
}
