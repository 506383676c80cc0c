import { type Mutant, mutant as mutantOf } from "./mutant.js";

const mutant = (name: string, file: string, from: string, to: string): Mutant =>
  mutantOf("postgres", name, file, from, to);

/** A fault that shows only where a duplicate is not recalled by a plain read first. */
function unrecalled(name: string, file: string, from: string, to: string): Mutant {
  const forgetful = {
    file: CONTEXT,
    from: "return !this.context.database.joined && this.context.recent.has(this.operation.id);",
    to: "return false;",
  };
  return { engine: "postgres", name, edits: [{ file, from, to }, forgetful] };
}

const ONCE = "src/core/once.ts";
const CONTEXT = "src/core/context.ts";
const OPERATION = "src/core/operation.ts";
const PG = "src/adapters/pg/executor.ts";
const HANDLE = "src/adapters/pg/transaction.ts";
const DIALECT = "src/dialects/postgres/index.ts";
const WRITES = "src/dialects/postgres/writes.ts";
const BATCH = "src/dialects/postgres/batch.ts";
const TABLE = "migrations/postgres/0001_operations.up.sql";

const NO_TRIGGER = { file: TABLE, from: "WHEN (NEW.result IS NULL)", to: "WHEN (false)" } as const;
const NO_PROOF = {
  file: DIALECT,
  from: `SELECT CASE count(*) WHEN 1 THEN 1 ELSE CAST('\${MARKER.notOurs} ' || count(*) AS integer) END FROM done`,
  to: "SELECT 1 FROM done",
} as const;

export const PG_MUTANTS: readonly Mutant[] = [
  { engine: "postgres", name: "complete proves nothing", edits: [NO_PROOF] },
  { engine: "postgres", name: "no constraint trigger", edits: [NO_TRIGGER] },
  unrecalled(
    "a bound write does not look for a prior run",
    WRITES,
    "const unclaimed = `NOT EXISTS (SELECT FROM opledger_prior) AND ",
    "const unclaimed = `",
  ),
  mutant(
    "a batch does not look for prior runs",
    BATCH,
    "AND input.id <> ALL (ARRAY(SELECT prior.id FROM opledger_prior AS prior))",
    "",
  ),
  {
    ...mutant("the claim checks, then acts", DIALECT, "ON CONFLICT (id) DO NOTHING", ""),
    maySurvive:
      "the primary key still refuses a second claim, and the transaction is run again, now as a replay",
  },
  {
    engine: "postgres",
    name: "the result is stored in a second transaction",
    edits: [
      NO_TRIGGER,
      { file: DIALECT, from: "AND pg_current_xact_id()::text = $4::text", to: "AND $4::text IS NOT NULL" },
      {
        file: PG,
        from: "results = await sender.send(client, [...closing, ends.commit], timeoutMs);",
        to: "results = await sender.send(client, [ends.commit], timeoutMs);\n    if (closing.length > 0) await sender.send(client, closing, timeoutMs);",
      },
    ],
  },
  mutant(
    "a lost race is not run again",
    CONTEXT,
    'new Set(["duplicate", "reprepare"])',
    'new Set(["reprepare"])',
  ),
  {
    engine: "postgres",
    name: "a compare-and-set is judged by the row's version alone",
    edits: [
      {
        file: WRITES,
        from: `WHEN target.\${version} = \${expected} THEN 'recheck'`,
        to: "WHEN false THEN 'recheck'",
      },
      // As in the caller's own transaction: elsewhere the brief statement has waited for the winner already.
      {
        file: "src/core/write.ts",
        from: "ask(call, write, round === 1 && call.attempts === 1)",
        to: "ask(call, write, false)",
      },
    ],
  },
  unrecalled(
    "once does not compare fingerprints",
    DIALECT,
    "WHEN prior.fingerprint <> $5::bytea THEN 'mismatch'",
    "",
  ),
  mutant(
    "a recalled result is not compared",
    DIALECT,
    "WHEN opledger_ledger.fingerprint <> $2::bytea THEN 'mismatch' WHEN opledger_ledger.state",
    "WHEN opledger_ledger.state",
  ),
  mutant(
    "a recalled write is not compared",
    WRITES,
    `WHEN opledger_ledger.fingerprint = $2::bytea THEN \${answered(`,
    `WHEN true THEN \${answered(`,
  ),
  unrecalled("bound writes do not compare fingerprints", WRITES, "WHEN prior.same THEN", "WHEN true THEN"),
  mutant(
    "a returned row counts as the stored one whatever its types",
    "src/dialects/postgres/brief.ts",
    "for (const type of types) if (!AS_STORED.has(type)) return false;",
    "",
  ),
  mutant(
    "a fresh key that had been used is asked for no earlier run again",
    ONCE,
    "{ waitMs, fresh: false }",
    "{ waitMs, fresh: true }",
  ),
  mutant(
    "COMMIT's tag is not checked",
    PG,
    `if (results.at(-1)?.command === "ROLLBACK")`,
    "if (results.length < 0)",
  ),
  mutant(
    "a lost COMMIT is a success",
    PG,
    "if (isConnectionLoss(error)) throw new ends.lost(error);",
    "if (isConnectionLoss(error)) return value;",
  ),
  mutant(
    "a lost COMMIT counts as rolled back",
    PG,
    "if (isConnectionLoss(error)) throw new ends.lost(error);",
    "if (isConnectionLoss(error)) throw new ConnectionLost(error);",
  ),
  mutant(
    "an unknown outcome is not tried again",
    CONTEXT,
    `kind === "lost" || kind === "unknown";`,
    `kind === "lost";`,
  ),
  {
    engine: "postgres",
    name: "every attempt has an id of its own",
    edits: [
      {
        file: ONCE,
        from: "const claim = dialect.claim(call.operation, { waitMs, fresh: call.isFresh });",
        to: "const own = { ...call.operation, id: call.operation.id.slice(0, -2) + String(10 + call.attempts) };\n  const claim = dialect.claim(own, { waitMs });",
      },
      {
        file: ONCE,
        from: 'dialect.complete(call.operation, token, "completed", bytes)',
        to: 'dialect.complete({ ...call.operation, id: call.operation.id.slice(0, -2) + String(10 + call.attempts) }, token, "completed", bytes)',
      },
    ],
  },
  mutant("once does not notice expiry", DIALECT, "WHEN prior.expired THEN 'expired'", ""),
  mutant("bound writes do not notice expiry", WRITES, "WHEN prior.expired THEN 'expired'", ""),
  mutant(
    "failed work is not rolled back",
    PG,
    `await this.#sender.send(client, [statement("ROLLBACK")], timeoutMs);`,
    "",
  ),
  mutant(
    "a deadlock is not tried again",
    CONTEXT,
    `kind === "conflict" || kind === "lost" || kind === "unknown"`,
    `kind === "lost" || kind === "unknown"`,
  ),
  mutant("work may end its transaction", HANDLE, "if (endsTransaction(text)) {", 'if (text === "\\0") {'),
  mutant(
    "nobody looks whether the transaction is still open",
    HANDLE,
    'if (this.client.getTransactionStatus?.() !== "I") return undefined;',
    "if (this !== undefined) return undefined;",
  ),
  mutant("a handle stays open after its work", HANDLE, "this.#closed = true;", "this.#closed = false;"),
  mutant(
    "nobody listens for a client's errors",
    "src/adapters/pg/failure.ts",
    `client.on("error", () => gone.add(client));`,
    "",
  ),
  mutant(
    "the claim waits without a limit",
    DIALECT,
    `WHERE \${bounded("$6")}\${condition}`,
    `WHERE $6::text IS NOT NULL\${condition}`,
  ),
  mutant(
    "the claim keeps its lock timeout",
    DIALECT,
    `"set_config('lock_timeout', wait.previous, true) AS restored"`,
    `"set_config('lock_timeout', CASE WHEN wait.previous IS NOT NULL THEN current_setting('lock_timeout') END, true) AS restored"`,
  ),
  mutant(
    "the first caller gets what was never stored",
    ONCE,
    `value: { status: "executed", value: stored },`,
    `value: { status: "executed", value: value as T },`,
  ),
  mutant(
    "the scope is no part of the identity",
    OPERATION,
    "operationId(scope, operation, key, ref.issuedAt)",
    'operationId("", operation, key, ref.issuedAt)',
  ),
  {
    engine: "postgres",
    name: "names run into each other",
    edits: [
      {
        file: OPERATION,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of the source, placeholder and all
        from: "text += `\\0\\0\\0${String.fromCharCode(part.length)}${part}`;",
        to: "text += part;",
      },
      { file: OPERATION, from: "return [size, ", to: "return [size.subarray(4), " },
    ],
  },
  mutant(
    "the sweeper takes rows within retention",
    DIALECT,
    "WHERE opledger_ledger.expires_at <= statement_timestamp() AND opledger_ledger.state",
    "WHERE opledger_ledger.state",
  ),
  {
    ...mutant(
      "duplicates of one process wait on connections",
      "src/core/flights.ts",
      "let running = this.#running.get(id); running",
      "let running: Promise<boolean> | undefined = undefined; running",
    ),
    maySurvive: "an optimisation: the database alone decides who owns an operation",
  },
];
