import { decodeRow, encodeRow } from "./codec.js";
import type { Call } from "./context.js";
import type { Recalled, ScriptDialect, TableKey, WriteAnswer } from "./dialect.js";
import type { Closing, Executor, ResultSet, Row, ScriptResults, WriteScript } from "./executor.js";
import type { Effect } from "./outcome.js";
import { RefusedWrite, scriptResults } from "./script.js";
import type { Write } from "./writes.js";

/** The alias under which a compare-and-set's version is read beside the row's own columns. */
export const VERSION_ALIAS = "opledger$version";

/** What a script came to. `missed`: it changed no row, and what that means is still to be found out. */
type Judged =
  | { readonly status: "executed"; readonly effect: Effect; readonly row: Row }
  | { readonly status: "missed" | "recheck" };

/**
 * One attempt at a bound write in a transaction of several statements: look for an earlier run, write, read the row,
 * and last the ledger row with its result. A concurrent run of the same operation fails there, as a duplicate: the whole
 * transaction is rolled back, and run once more it replays.
 *
 * @param again whether an earlier attempt was refused as a duplicate, so that what stands must be read by locking
 */
export async function writeInTransaction<Tx>(
  call: Call<Tx>,
  dialect: ScriptDialect,
  write: Write,
  again: boolean,
): Promise<WriteAnswer> {
  const { database, waitMs, responseMs } = call.context;
  await database.ready?.(responseMs);
  const key = dialect.needsKey(write) ? await tableKey(call, dialect, write.table) : undefined;
  const script = dialect.script(call.operation, write, { key, locking: again, raced: call.raced });
  return database.transaction<WriteAnswer>({
    opening: [],
    script,
    waitMs,
    timeoutMs: waitMs + responseMs,
    body: (opened, _tx, executor) =>
      settleScript(call, dialect, write, script, scriptResults(opened), executor),
  });
}

/** What a script that has run came to, and the ledger row that is still to be written. */
export async function settleScript<Tx>(
  call: Call<Tx>,
  dialect: ScriptDialect,
  write: Write,
  script: WriteScript,
  results: ScriptResults,
  executor: Executor,
): Promise<Closing<WriteAnswer>> {
  const known = await recalled(call, dialect, results.prior, executor);
  if (known !== undefined) return { closing: [], value: answerOf(call, known) };
  const judged = judge(write, results);
  if (judged.status === "executed") return completed(call, dialect, judged.effect, judged.row);
  if (judged.status === "recheck") return { closing: [], value: { status: "recheck" } };
  return missed(call, dialect, write, executor, script);
}

/** What the ledger holds; read by locking where the row was seen in a state that no reader should see. */
async function recalled<Tx>(
  call: Call<Tx>,
  dialect: ScriptDialect,
  prior: ResultSet,
  executor: Executor,
): Promise<Recalled | undefined> {
  const found = dialect.readRecall(prior);
  if (found?.status !== "unfinished") return found;
  return dialect.readRecall(await executor.run(dialect.recall(call.operation, { locking: true })));
}

/** @throws {OutcomeUnknownError} the claim was committed without a result */
export function answerOf<Tx>(call: Call<Tx>, known: Recalled): WriteAnswer {
  switch (known.status) {
    case "completed":
      return { status: "replayed", ...decodeRow(known.result, call.context.codec) };
    case "unfinished":
      throw call.unfinished();
    case "failed":
      return { status: "mismatch" };
    default:
      return { status: known.status };
  }
}

function completed<Tx>(
  call: Call<Tx>,
  dialect: ScriptDialect,
  effect: Effect,
  row: Row,
): Closing<WriteAnswer> {
  const { codec } = call.context;
  const bytes = encodeRow(effect, row, codec, call.summary);
  // Decoded from the stored bytes, so that a first outcome and its replays cannot differ in shape.
  return {
    closing: [dialect.record(call.operation, bytes)],
    value: { status: "executed", ...decodeRow(bytes, codec) },
  };
}

/** @throws {RefusedWrite} the write matched several rows, or its row could not be read */
function judge(write: Write, { look, effect, row }: ScriptResults): Judged {
  if (look.rows.length > 1 || row.rows.length > 1) throw new RefusedWrite("many-rows");
  switch (write.verb) {
    case "insert":
      if (look.rows.length === 0) return written("inserted", row.rows.length > 0 ? row : effect);
      return row.rows.length === 0 ? { status: "recheck" } : written("unchanged", row);
    case "upsert":
      if (look.rows.length === 0) return written("inserted", row.rows.length > 0 ? row : effect);
      return row.rows.length === 0 ? { status: "recheck" } : written("updated", row);
    case "delete":
      if (look.rows.length === 0) return { status: "executed", effect: "unchanged", row: {} };
      if (effect.affected !== 1) throw new RefusedWrite("row-lost");
      return written("deleted", look);
    default:
      if (effect.affected > 1) throw new RefusedWrite("many-rows");
      return effect.affected === 0 ? { status: "missed" } : written("updated", row);
  }
}

/** @throws {RefusedWrite} the row could not be read */
function written(effect: Effect, { rows: [row] }: ResultSet): Judged {
  if (row === undefined) throw new RefusedWrite("row-lost");
  const { [VERSION_ALIAS]: _, ...columns } = row;
  return { status: "executed", effect, row: columns };
}

/**
 * What it means that an update changed no row. Perhaps a concurrent run of this very operation came first, so the ledger
 * is asked again; and where the row stands, locked, and the same update changes nothing again, it had those values already.
 */
async function missed<Tx>(
  call: Call<Tx>,
  dialect: ScriptDialect,
  write: Write,
  executor: Executor,
  { target, absent, row }: WriteScript,
): Promise<Closing<WriteAnswer>> {
  const finished = (value: WriteAnswer): Closing<WriteAnswer> => ({ closing: [], value });
  const known = dialect.readRecall(
    await executor.run(dialect.recall(call.operation, { locking: call.context.database.joined })),
  );
  if (known !== undefined) return finished(answerOf(call, known));
  if (target === undefined || absent === undefined || row === undefined) throw new RefusedWrite("row-lost");
  const { rows } = await executor.run(target);
  const [found] = rows;
  if (found === undefined) return finished({ status: "not-found" });
  if (rows.length > 1) throw new RefusedWrite("many-rows");
  const version = found[VERSION_ALIAS];
  if (write.verb === "update" && write.version !== undefined) {
    const actual = version === null ? null : wholeNumber(String(version));
    const raced = String(actual) === String(write.version.expected);
    return finished(raced ? { status: "recheck" } : { status: "version-conflict", actual });
  }
  const { affected } = await executor.run(absent);
  if (affected > 1) throw new RefusedWrite("many-rows");
  const left = affected === 0 ? { rows, affected: 1 } : await executor.run(row);
  const judged = written("updated", left);
  if (judged.status !== "executed") throw new RefusedWrite("row-lost");
  return completed(call, dialect, judged.effect, judged.row);
}

function wholeNumber(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** The primary keys of tables, read once per ledger. */
const keys = new WeakMap<object, Map<string, TableKey>>();

export async function tableKey<Tx>(
  { context }: Call<Tx>,
  dialect: ScriptDialect,
  table: readonly string[],
): Promise<TableKey> {
  const known = keys.get(dialect) ?? new Map<string, TableKey>();
  keys.set(dialect, known);
  const name = JSON.stringify(table);
  const found = known.get(name);
  if (found !== undefined) return found;
  const { database, responseMs } = context;
  const read = dialect.readKey(await database.run(dialect.describe(table), responseMs));
  // A table that is not there, or has no key yet, may have one the next time.
  if (read.columns.length > 0) known.set(name, read);
  return read;
}
