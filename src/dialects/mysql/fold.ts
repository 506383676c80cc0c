import type { ResultSet, Row, ScriptResults, Statement, WriteScript } from "../../core/executor.js";

/** Several statements as one, which is one round trip. */
export interface Folded<T> {
  readonly statement: Statement;
  /** Reads the answer's result sets. */
  readonly read: (sets: readonly (readonly Row[])[]) => T;
}

export interface Opened {
  readonly results: readonly ResultSet[];
  /** Whether a transaction is open now. */
  readonly open: boolean;
}

export interface FoldOptions {
  /** Whole seconds that a lock may be waited for. */
  readonly waitSeconds: number;
}

/** How an engine takes several statements in one round trip. */
export interface Folder {
  /** Begins a transaction, marks it with {@link CANARY} and runs the opening. */
  opening(statements: readonly Statement[], options: FoldOptions): Folded<Opened>;
  /**
   * Runs a script, in a transaction that is open afterwards where there was something to write. Absent where the names in a
   * script would mean other tables there.
   */
  script?:
    | ((
        script: WriteScript,
        options: FoldOptions,
      ) => Folded<{ readonly results: ScriptResults; readonly open: boolean }>)
    | undefined;
  /** Proves that the transaction is still ours, runs the closing and commits. */
  closing(statements: readonly Statement[], options: FoldOptions & { readonly proof: boolean }): Folded<void>;
}

/** A savepoint that is gone where the transaction that set it is. */
export const CANARY = "opledger_claim";

const NOTHING: ResultSet = { rows: [], affected: 0 };

/** The last result set of a fold: what its statements did that returned no rows. */
interface Tally {
  /** Rows found by `look`; for an opening, whether the first statement was refused as a duplicate. */
  readonly met: number;
  /** Rows that the write, or the first statement, affected. */
  readonly affected: number;
}

function tally(sets: readonly (readonly Row[])[]): Tally {
  const row = sets.at(-1)?.[0];
  return { met: Number(row?.opledger_met), affected: Number(row?.opledger_affected) };
}

function resultSet(rows: readonly Row[] | undefined): ResultSet {
  return rows === undefined ? NOTHING : { rows, affected: rows.length };
}

export function readOpening(sets: readonly (readonly Row[])[], statements: number): Opened {
  const { met, affected } = tally(sets);
  const rest = Array.from({ length: statements - 1 }, () => NOTHING);
  return met > 0
    ? { results: [resultSet(sets[0]), ...rest], open: false }
    : { results: [{ rows: [], affected }, ...rest], open: true };
}

export function readScript(
  sets: readonly (readonly Row[])[],
  script: WriteScript,
): { readonly results: ScriptResults; readonly open: boolean } {
  const prior = resultSet(sets[0]);
  if (prior.rows.length > 0) {
    return { results: { prior, look: NOTHING, effect: NOTHING, row: NOTHING }, open: false };
  }
  const { affected } = tally(sets);
  const rest = sets.slice(1, -1);
  const look = script.look === undefined ? NOTHING : resultSet(rest.shift());
  const row = script.row === undefined ? NOTHING : resultSet(rest.pop());
  const [returned] = rest;
  const effect = returned === undefined ? { rows: [], affected } : resultSet(returned);
  return { results: { prior, look, effect, row }, open: true };
}
