import type { Mutant } from "./mutant.js";

const BOUND = "src/adapters/prisma/bound.ts";
const GUARD = "src/adapters/prisma/guard.ts";
const FALLBACK = "src/adapters/prisma/fallback.ts";
const HYDRATE = "src/adapters/prisma/hydrate.ts";
const EXECUTOR = "src/adapters/prisma/executor.ts";

function mutant(
  name: string,
  file: string,
  from: string,
  to: string,
  engine: Mutant["engine"] = "postgres",
): Mutant {
  return { engine, client: "prisma", name, edits: [{ file, from, to }] };
}

export const PRISMA_MUTANTS: readonly Mutant[] = [
  mutant(
    "other extensions' hooks are looked for under the model's name",
    BOUND,
    "extendedBy(client, delegate, verb)",
    "extendedBy(client, delegate.toUpperCase(), verb)",
  ),
  mutant(
    "an error without a code of Prisma's is the caller's own",
    "src/adapters/prisma/failure.ts",
    '(name === "DriverAdapterError" ? cause : undefined)',
    '(name === "" ? cause : undefined)',
  ),
  mutant(
    "work may end its transaction",
    GUARD,
    "if (this.#engine.endsTransaction(textOf(given[0]))) {",
    'if (textOf(given[0]) === "") {',
  ),
  mutant(
    "nested transactions take no turns",
    GUARD,
    "inTurn(transactionOf(target), this.#timeoutMs, () => busyFor(this.#timeoutMs), nested)",
    "nested()",
  ),
  mutant(
    "a batch runs a bound write outside of its transaction",
    BOUND,
    "requestTransaction: () =>\n      Promise.reject(",
    "requestTransaction: () =>\n      begun().then(() => undefined as never) ?? Promise.reject(",
  ),
  mutant(
    "the loser of a compare-and-set is not told by the count",
    FALLBACK,
    "if (changed.count === 1) return;",
    "if (changed.count >= 0) return;",
  ),
  mutant(
    "the same, where the transaction waits for the winner",
    FALLBACK,
    "if (changed.count === 1) return;",
    "if (changed.count >= 0) return;",
    "mariadb",
  ),
  mutant("an upsert whose row came in between is given up", FALLBACK, "++races <= RACES_MAX", "++races < 0"),
  mutant(
    "long numbers are read as JavaScript's",
    HYDRATE,
    "if (!LONG_NUMBER.test(text)) return",
    "if (!LONG_NUMBER.test(text) || text.length > 0) return",
  ),
  mutant(
    "the session's offset is taken for the value's",
    HYDRATE,
    'time.replace(/(?:Z|[+-]\\d\\d(?::?\\d\\d)*)$/, "")}Z`',
    'time.replace(/Z$/, "")}`',
  ),
  mutant(
    "a write whose answer was lost is taken for undone",
    EXECUTOR,
    "return isConnectionLoss(error) ? new CommitLost(error) : error;",
    "return error;",
  ),
  mutant(
    "so is a COMMIT",
    EXECUTOR,
    'if (isReached("committing", phase) && isConnectionLoss(error))',
    'if (isReached("", phase) && isConnectionLoss(error))',
  ),
  mutant(
    "a joined write takes no savepoint",
    EXECUTOR,
    "if (this.joined) return this.#inSavepoint(timeoutMs, () => this.#send(this.#client, asked, timeoutMs));",
    "if (this.joined) return this.#send(this.#client, asked, timeoutMs);",
  ),
  mutant(
    "no canary",
    EXECUTOR,
    "const marked = this.#engine.canary && ",
    "const marked = false && ",
    "mariadb",
  ),
];
