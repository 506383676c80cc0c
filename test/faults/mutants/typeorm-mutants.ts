import type { Mutant } from "./mutant.js";

const BOUND = "src/adapters/typeorm/bound.ts";
const ENTITY = "src/adapters/typeorm/entity.ts";
const DATABASE = "src/adapters/typeorm/database.ts";
const GATE = "src/adapters/typeorm/sqlite/gate.ts";

/** Those of SQLite need no server, and stand beside the others. */
function mutant(name: string, file: string, from: string, to: string): Mutant {
  return { engine: "postgres", client: "typeorm", name, edits: [{ file, from, to }] };
}

export const TYPEORM_MUTANTS: readonly Mutant[] = [
  mutant(
    "an update leaves the version as it was",
    BOUND,
    "by: versionColumn === undefined ? [] : [[versionColumn.databaseName, 1]],",
    "by: [],",
  ),
  mutant(
    "a version in the criteria is not compared",
    BOUND,
    "const version = at === undefined ? undefined : versionOf(verb, at);",
    "const version = undefined;",
  ),
  mutant(
    "the classes of one table are not kept apart",
    ENTITY,
    "return [[discriminatorColumn.databaseName, discriminatorValue]];",
    "return [];",
  ),
  mutant(
    "the payload is what transformers made of it",
    ENTITY,
    "value: prepared, given: value",
    "value: prepared, given: prepared",
  ),
  mutant(
    "transformers do not see what was read",
    "src/adapters/typeorm/hydrate.ts",
    "driver.prepareHydratedValue(asRead(metadata, stored), column)",
    "stored",
  ),
  mutant(
    "an open transaction is not joined",
    "src/adapters/typeorm/ledger.ts",
    "if (queryRunner.isTransactionActive) return this.joining(manager);",
    "if (queryRunner.isTransactionActive) return this.#context;",
  ),
  mutant(
    "a transaction in the work begins one of its own",
    "src/adapters/typeorm/engine.ts",
    "transactionDepth: Math.max(transactionDepth, 1),",
    "transactionDepth: 0,",
  ),
  mutant(
    "subscribers hear of a commit where there was a rollback",
    DATABASE,
    'rolledBack) await tell(runner, "AfterTransactionRollback")',
    'rolledBack) await tell(runner, "AfterTransactionCommit")',
  ),
  mutant(
    "the guard lets a stale save through",
    "src/adapters/typeorm/version-guard.ts",
    "if (String(actual) === String(expected)) return;",
    "if (actual !== undefined) return;",
  ),
  mutant(
    "strangers use the one connection while an operation has it",
    GATE,
    "if (!this.#open) return this.#pass(given);",
    "if (given.length > 0) return this.#pass(given);",
  ),
  mutant(
    "what the work writes past its manager waits for the operation's end",
    GATE,
    "if (tx !== undefined) return tx.query(...given);",
    "if (tx !== undefined && given.length === 0) return tx.query(...given);",
  ),
  mutant(
    "errors hold the values of the ledger's statements",
    "src/adapters/typeorm/sqlite/database.ts",
    "throw new QueryFailedError(sql, undefined, error);",
    "throw new QueryFailedError(sql, [...values], error);",
  ),
];
