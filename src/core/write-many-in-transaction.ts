import type { Call } from "./context.js";
import { Call as EntryCall } from "./context.js";
import type { BatchEntry, ScriptDialect, WriteAnswer } from "./dialect.js";
import type { Executor } from "./executor.js";
import { runScript } from "./script.js";
import { settleScript, tableKey } from "./write-in-transaction.js";

/**
 * Many bound writes in one transaction, one after the other.
 */
export async function writeManyInTransaction<Tx>(
  call: Call<Tx>,
  dialect: ScriptDialect,
  entries: readonly BatchEntry[],
): Promise<readonly WriteAnswer[]> {
  const { database, waitMs, responseMs } = call.context;
  await database.ready?.(responseMs);
  const [first] = entries;
  if (first === undefined) return [];
  const key = dialect.needsKey(first.write) ? await tableKey(call, dialect, first.write.table) : undefined;
  const locking = call.attempts > 1 || database.joined;
  const order = entries.map((_, index) => index).sort((a, b) => compare(entries[a], entries[b]));
  return database.transaction<readonly WriteAnswer[]>({
    opening: [],
    waitMs,
    timeoutMs: waitMs + responseMs,
    body: async (_opened, _tx, executor) => {
      const answers: WriteAnswer[] = [];
      for (const index of order) {
        const entry = entries[index];
        if (entry === undefined) continue;
        const script = dialect.script(entry.operation, entry.write, { key, locking });
        answers[index] = await one(
          new EntryCall(call.context, entry.operation),
          dialect,
          entry,
          executor,
          script,
        );
      }
      return { closing: [], value: answers };
    },
  });
}

async function one<Tx>(
  call: Call<Tx>,
  dialect: ScriptDialect,
  { write }: BatchEntry,
  executor: Executor,
  script: ReturnType<ScriptDialect["script"]>,
): Promise<WriteAnswer> {
  const results = await runScript(executor, script);
  const { closing, value } = await settleScript(call, dialect, write, script, results, executor);
  for (const statement of closing) await executor.run(statement);
  return value;
}

function compare(a: BatchEntry | undefined, b: BatchEntry | undefined): number {
  const [one, two] = [target(a), target(b)];
  return one < two ? -1 : one > two ? 1 : 0;
}

/** What a write locks first, so that overlapping batches queue up instead of deadlocking. */
function target(entry: BatchEntry | undefined): string {
  if (entry === undefined) return "";
  const { write, operation } = entry;
  const columns =
    write.verb === "insert"
      ? write.values.filter(([column]) => write.conflict.includes(column))
      : "where" in write
        ? write.where
        : [];
  return JSON.stringify([columns.map(([, value]) => String(value)), operation.keyHash]);
}
