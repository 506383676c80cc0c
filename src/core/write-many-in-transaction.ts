import { decodeRow, encodeRow } from "./codec.js";
import { Call } from "./context.js";
import { before } from "./decimals.js";
import type {
  BatchEntry,
  IncrementWrite,
  InsertWrite,
  LedgerRow,
  Recalled,
  ScriptDialect,
  TableKey,
  WriteAnswer,
} from "./dialect.js";
import type { Executor, ResultSet, Row } from "./executor.js";
import type { Effect } from "./outcome.js";
import { RefusedWrite, runScript } from "./script.js";
import { answerOf, settleScript, tableKey } from "./write-in-transaction.js";

/** The alias under which a batch's rows tell which of its writes they belong to. */
export const POSITION_ALIAS = "opledger$position";

/** Ledger rows are inserted in statements of about this many bytes, well below what servers take at once. */
const RECORD_BYTES_MAX = 2 * 1024 * 1024;

/** Thrown out of a batch's transaction where its writes must be made one by one. */
class OneByOne extends Error {}

/**
 * Many bound writes of one shape in one transaction of a few statements. What cannot be told apart in those, such as a
 * row that several writes of the batch add floating point numbers to, is written one by one instead.
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
  const attempt = (together: boolean): Promise<readonly WriteAnswer[]> =>
    database.transaction<readonly WriteAnswer[]>({
      opening: [],
      waitMs,
      timeoutMs: waitMs + responseMs,
      body: async (_opened, _tx, executor) => {
        const batch = new Batch(call, dialect, entries, executor, key);
        return { closing: [], value: await (together ? batch.together() : batch.oneByOne()) };
      },
    });
  // Refused as a duplicate before: one by one, what stands is found by locking it.
  if (call.attempts > 1) return attempt(false);
  try {
    return await attempt(true);
  } catch (error) {
    if (!(error instanceof OneByOne)) throw error;
    return attempt(false);
  }
}

/** One attempt at a batch, inside its transaction. */
class Batch<Tx> {
  readonly #answers: WriteAnswer[];
  readonly #records: LedgerRow[] = [];

  constructor(
    readonly call: Call<Tx>,
    readonly dialect: ScriptDialect,
    readonly entries: readonly BatchEntry[],
    readonly executor: Executor,
    readonly key: TableKey | undefined,
  ) {
    this.#answers = entries.map(() => ({ status: "recheck" }));
  }

  async together(): Promise<readonly WriteAnswer[]> {
    const increments = this.entries.flatMap((entry, index) =>
      entry.write.verb === "increment" ? [{ index, write: entry.write }] : [],
    );
    const inserts = this.entries.flatMap((entry, index) =>
      entry.write.verb === "insert" ? [{ index, write: entry.write }] : [],
    );
    if (increments.length > 0) await this.#increment(increments);
    if (inserts.length > 0) await this.#insert(inserts);
    await this.#record();
    return this.#answers;
  }

  async oneByOne(): Promise<readonly WriteAnswer[]> {
    const order = this.entries.map((entry, index) => ({ index, target: targetOf(entry.write) }));
    order.sort((a, b) => (a.target < b.target ? -1 : a.target > b.target ? 1 : a.index - b.index));
    for (const { index } of order) await this.#alone(index);
    return this.#answers;
  }

  async #alone(index: number): Promise<void> {
    const { operation, write: given } = required(this.entries[index]);
    const { dialect, executor, key } = this;
    const write = limited(given);
    const call = new Call(this.call.context, operation);
    const { attempts, raced, context } = this.call;
    // Which of the batch's operations stands is not known, and reading one by locking that does not would lock a gap.
    const options = { key, locking: attempts > 1, raced: raced && context.database.joined };
    const script = dialect.script(operation, write, options);
    const results = await runScript(executor, script);
    const { closing, value } = await settleScript(call, dialect, write, script, results, executor);
    for (const statement of closing) await executor.run(statement);
    this.#answers[index] = value;
  }

  /** Locks the targets first, in the order of their keys, and only then asks the ledger: it has all that was waited for. */
  async #increment(all: readonly Indexed<IncrementWrite>[]): Promise<void> {
    const { dialect, executor } = this;
    const lock = async (groups: readonly Group<IncrementWrite>[]): Promise<ReadonlyMap<number, Row>> =>
      byPosition(
        await executor.run(
          dialect.targetsOf(
            groups.map(({ write }) => write),
            { locking: true },
          ),
        ),
      );
    const targets = grouped(all);
    const held = await lock(targets);
    const open = grouped(await this.#unknown(all));
    const there = open.filter((group) =>
      held.has(targets.findIndex(({ target }) => target === group.target)),
    );
    const missing = open.filter((group) => !there.includes(group));
    if (there.length > 0) {
      await executor.run(dialect.addMany(there.map(({ members }) => members.map(({ write }) => write))));
      const left = await lock(there);
      there.forEach((group, position) => {
        const start = held.get(targets.findIndex(({ target }) => target === group.target));
        this.#running(group, required(start), required(left.get(position)));
      });
    }
    for (const { members } of missing) for (const { index } of members) await this.#alone(index);
  }

  /** Each member's row is what its own increment left: the last row less what the members after it added. */
  #running({ members }: Group<IncrementWrite>, start: Row, last: Row): void {
    const counters = required(members[0]).write.by.map(([column]) => column);
    const amountsFrom = (from: number, column: string): unknown[] =>
      members.slice(from).map(({ write }) => new Map(write.by).get(column));
    const without = (from: number, column: string): unknown => {
      const value = before(last[column], amountsFrom(from, column));
      if (value === undefined) throw new OneByOne();
      return value;
    };
    if (members.length > 1) {
      // A trigger, or rounding, has made something else of the sum.
      for (const column of counters)
        if (String(without(0, column)) !== String(start[column])) throw new OneByOne();
    }
    members.forEach(({ index }, place) => {
      const row = { ...last };
      if (place < members.length - 1) for (const column of counters) row[column] = without(place + 1, column);
      this.#executed(index, "updated", row);
    });
  }

  async #insert(all: readonly Indexed<InsertWrite>[]): Promise<void> {
    const { dialect, executor, key } = this;
    const open = await this.#unknown(all);
    if (open.length === 0) return;
    const [first] = open;
    if (first === undefined || first.write.conflict.length === 0) {
      const made = await this.#make(open, key);
      for (const [position, { index }] of open.entries()) {
        this.#executed(index, "inserted", required(made.get(position)));
      }
      return;
    }
    const groups = grouped(open);
    const writes = groups.map(({ write }) => write);
    const stood = byPosition(await executor.run(dialect.targetsOf(writes, { locking: false })));
    const absent = groups.filter((_, position) => !stood.has(position));
    if (absent.length > 0) await executor.run(dialect.insertMany(absent.map(({ write }) => write)));
    const rows = byPosition(await executor.run(dialect.targetsOf(writes, { locking: true })));
    groups.forEach(({ members }, position) => {
      const row = rows.get(position);
      if (row === undefined) throw new OneByOne();
      members.forEach(({ index }, place) => {
        this.#executed(index, place === 0 && !stood.has(position) ? "inserted" : "unchanged", row);
      });
    });
  }

  async #make(
    open: readonly Indexed<InsertWrite>[],
    key: TableKey | undefined,
  ): Promise<ReadonlyMap<number, Row>> {
    const { dialect, executor } = this;
    const writes = open.map(({ write }) => write);
    const { rows } = await executor.run(dialect.insertMany(writes));
    const made =
      rows.length > 0
        ? new Map(rows.entries())
        : byPosition(await executor.run(dialect.madeRows(writes, key)));
    if (made.size !== writes.length) throw new RefusedWrite("row-lost");
    return made;
  }

  /** Answers those that the ledger knows, and returns the others. */
  async #unknown<W>(all: readonly Indexed<W>[]): Promise<readonly Indexed<W>[]> {
    const { dialect, executor } = this;
    const operations = all.map(({ index }) => required(this.entries[index]).operation);
    const known = dialect.readRecallMany(await executor.run(dialect.recallMany(operations)));
    return all.filter(({ index }) => {
      const { operation } = required(this.entries[index]);
      const found: Recalled | undefined = known.get(operation.keyHash);
      if (found !== undefined) this.#answers[index] = answerOf(new Call(this.call.context, operation), found);
      return found === undefined;
    });
  }

  #executed(index: number, effect: Effect, row: Row): void {
    const { codec } = this.call.context;
    const { operation } = required(this.entries[index]);
    const { [POSITION_ALIAS]: _, ...columns } = row;
    const result = encodeRow(effect, columns, codec, operation);
    this.#records.push({ operation, result });
    this.#answers[index] = { status: "executed", ...decodeRow(result, codec) };
  }

  async #record(): Promise<void> {
    let chunk: LedgerRow[] = [];
    let bytes = 0;
    const send = async (): Promise<void> => {
      if (chunk.length > 0) await this.executor.run(this.dialect.recordMany(chunk));
      [chunk, bytes] = [[], 0];
    };
    for (const row of this.#records) {
      if (bytes + row.result.length > RECORD_BYTES_MAX) await send();
      chunk.push(row);
      bytes += row.result.length;
    }
    await send();
  }
}

interface Indexed<W> {
  readonly index: number;
  readonly write: W;
}

/** The writes that are meant for one row, in the order of the batch. */
interface Group<W> {
  readonly target: string;
  readonly write: W;
  readonly members: Indexed<W>[];
}

function grouped<W extends BatchEntry["write"]>(all: readonly Indexed<W>[]): Group<W>[] {
  const groups = new Map<string, Group<W>>();
  for (const member of all) {
    const target = targetOf(member.write);
    const group = groups.get(target) ?? { target, write: member.write, members: [] };
    group.members.push(member);
    groups.set(target, group);
  }
  return [...groups.values()];
}

/** @throws {RefusedWrite} a write is meant for several rows */
function byPosition({ rows }: ResultSet): ReadonlyMap<number, Row> {
  const found = new Map<number, Row>();
  for (const row of rows) {
    const position = Number(row[POSITION_ALIAS]);
    if (found.has(position)) throw new RefusedWrite("many-rows");
    found.set(position, row);
  }
  return found;
}

/** An increment of a batch shows the columns that it names, whichever way it is made. */
function limited(write: BatchEntry["write"]): BatchEntry["write"] {
  if (write.verb !== "increment") return write;
  return { ...write, returning: [...new Set([...write.where, ...write.by].map(([column]) => column))] };
}

/** What a write is meant for, so that writes for one row meet, and overlapping batches queue up instead of deadlocking. */
function targetOf(write: BatchEntry["write"]): string {
  const columns =
    write.verb === "insert"
      ? write.values.filter(([column]) => write.conflict.includes(column))
      : "where" in write
        ? write.where
        : [];
  return JSON.stringify(columns.map(([column, value]) => [column, String(value)]).sort());
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a batch lost count of its entries");
  return value;
}
