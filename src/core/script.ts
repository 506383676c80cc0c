import type { Executor, ResultSet, ScriptResults, WriteScript } from "./executor.js";

/** Thrown out of a script's transaction, so that what it wrote is rolled back. */
export class RefusedWrite extends Error {
  constructor(readonly kind: "many-rows" | "row-lost") {
    super(
      kind === "many-rows" ? "`where` matched more than one row" : "the written row could not be read back",
    );
  }
}

const NOTHING: ResultSet = { rows: [], affected: 0 };

/**
 * Runs a script's statements one after the other, for adapters that cannot send them together.
 *
 * @param known what `prior` has answered, where it was run before
 */
export async function runScript(
  executor: Executor,
  script: WriteScript,
  known?: ResultSet,
): Promise<ScriptResults> {
  const prior = known ?? (await executor.run(script.prior));
  if (prior.rows.length > 0) return { prior, look: NOTHING, effect: NOTHING, row: NOTHING };
  const look = script.look === undefined ? NOTHING : await executor.run(script.look);
  const write = look.rows.length > 0 ? script.found : script.absent;
  const effect = write === undefined ? NOTHING : await executor.run(write);
  const row = script.row === undefined ? NOTHING : await executor.run(script.row);
  return { prior, look, effect, row };
}

/** In the order in which a transaction's body gets them. */
export function inOrder({ prior, look, effect, row }: ScriptResults): readonly ResultSet[] {
  return [prior, look, effect, row];
}

/** @throws {Error} the adapter did not run the script */
export function scriptResults(results: readonly ResultSet[]): ScriptResults {
  const [prior, look, effect, row] = results;
  if (prior === undefined || look === undefined || effect === undefined || row === undefined) {
    throw new Error("the adapter did not return the results of the script");
  }
  return { prior, look, effect, row };
}
