import { type Mutant, mutant } from "./mutant.js";

const CONTEXT = "src/core/context.ts";
const SCRIPT = "src/core/write-in-transaction.ts";
const EXECUTOR = "src/adapters/mysql2/executor.ts";
const HANDLE = "src/adapters/mysql2/transaction.ts";
const FAILURE = "src/adapters/mysql2/failure.ts";
const BOUNDED = "src/adapters/mysql2/bounded.ts";
const JOINED = "src/adapters/mysql2/joined.ts";
const DIALECT = "src/dialects/mysql/index.ts";
const MARIADB = "src/dialects/mysql/fold-mariadb.ts";
const ERRORS = "src/dialects/mysql/failure.ts";
const PROCEDURES = "migrations/mysql/0001_operations.up.sql";

/** A fault that shows only where a duplicate is not recalled by a plain read first. */
const FORGETFUL = {
  file: CONTEXT,
  from: "return !this.context.database.joined && this.context.recent.has(this.operation.id);",
  to: "return false;",
} as const;

/** Where the two engines share the code, each fault is looked for on one of them. */
export const MYSQL_MUTANTS: readonly Mutant[] = [
  mutant(
    "mariadb",
    "no canary",
    MARIADB,
    `const proof = options.proof ? \`RELEASE SAVEPOINT \${CANARY};\\n\` : "";`,
    'const proof = "";',
  ),
  mutant("mysql", "no canary", PROCEDURES, "  IF `p_proof` > 0 THEN", "  IF `p_proof` > 1 THEN"),
  mutant(
    "mariadb",
    "nobody counts the completed rows",
    MARIADB,
    `IF ROW_COUNT() <> \${affects} THEN`,
    `IF ROW_COUNT() <> \${affects} AND FALSE THEN`,
  ),
  mutant(
    "mysql",
    "nobody counts the completed rows",
    PROCEDURES,
    "IF ROW_COUNT() <> 1 THEN",
    "IF ROW_COUNT() > 1 THEN",
  ),
  mutant(
    "mariadb",
    "a write that its own duplicate left no room for is refused",
    "src/core/write.ts",
    'if (error instanceof RefusedWrite || database.failure(error).kind !== "other") throw error;',
    "if (database !== undefined) throw error;",
  ),
  mutant("mariadb", "a swallowed deadlock is lived with", FAILURE, "  ERRNO.deadlock,\n", ""),
  mutant("mysql", "a swallowed lock timeout is lived with", FAILURE, "  ERRNO.lockWaitTimeout,\n", ""),
  mutant("mysql", "a deadlock is not tried again", ERRORS, "    case ERRNO.deadlock:\n", ""),
  mutant(
    "mariadb",
    "work may end its transaction",
    HANDLE,
    "if (endsTransaction(options.sql)) {",
    'if (options.sql === "") {',
  ),
  mutant(
    "mysql",
    "nobody looks whether the transaction is still open",
    HANDLE,
    "if (inTransaction(Array.isArray(result) ? result.at(-1) : result) === false) {",
    "if (result === null) {",
  ),
  mutant(
    "mysql",
    "a handle stays open after its work",
    HANDLE,
    "this.#closed = true;",
    "this.#closed = false;",
  ),
  {
    engine: "mariadb",
    name: "a claim that was committed without its result is taken over",
    edits: [
      {
        file: DIALECT,
        from: `SELECT CASE WHEN state = \${STATE.claimed} THEN 'unfinished' WHEN expires_at`,
        to: `SELECT CASE WHEN state = \${STATE.claimed} THEN 'expired' WHEN expires_at`,
      },
      {
        file: DIALECT,
        from: `\`DELETE FROM \${ledger} WHERE id = ? AND expires_at <= UTC_TIMESTAMP(6) AND state <> \${STATE.claimed}\``,
        to: `\`DELETE FROM \${ledger} WHERE id = ?\``,
      },
    ],
  },
  mutant(
    "mysql",
    "a lost COMMIT is a success",
    EXECUTOR,
    "      throw isConnectionLoss(error) ? new CommitLost(error) : error;",
    "      if (!isConnectionLoss(error)) throw error;",
  ),
  mutant(
    "mariadb",
    "a lost COMMIT counts as rolled back",
    EXECUTOR,
    "      throw isConnectionLoss(error) ? new CommitLost(error) : error;",
    "      throw isConnectionLoss(error) ? new ConnectionLost(error) : error;",
  ),
  mutant(
    "mysql",
    "failed work is not rolled back",
    EXECUTOR,
    "await this.#sender.send(connection, ROLLBACK, timeoutMs);\n      return true;",
    "return timeoutMs > 0 && connection !== undefined;",
  ),
  mutant(
    "mysql",
    "the ledger row replaces the one of a concurrent run",
    DIALECT,
    "      ...insertRow(ledger, operation, STATE.completed, result),\n      affects: 1,",
    '      ...insertRow(ledger, operation, STATE.completed, result),\n      sql: insertRow(ledger, operation, STATE.completed, result).sql.replace("INSERT", "REPLACE"),',
  ),
  mutant(
    "mariadb",
    "a lost race is not run again",
    CONTEXT,
    'new Set(["duplicate", "reprepare"])',
    'new Set(["reprepare"])',
  ),
  {
    engine: "mysql",
    name: "a bound write does not look for an earlier run",
    edits: [
      {
        file: DIALECT,
        from: "prior: recall(operation, scriptOptions.raced",
        to: 'prior: recall({ ...operation, keyHash: "00".repeat(16) }, scriptOptions.raced',
      },
      FORGETFUL,
    ],
  },
  mutant(
    "mariadb",
    "what stands after 1062 is read by a plain read",
    DIALECT,
    "orElse: recall(operation, true),",
    "orElse: recall(operation, false),",
  ),
  mutant(
    "mysql",
    "a lost race is read by a plain read",
    DIALECT,
    "prior: recall(operation, scriptOptions.raced === true)",
    "prior: recall(operation, false)",
  ),
  mutant(
    "mysql",
    "affected rows are taken literally",
    SCRIPT,
    "const left = affected === 0 ? { rows, affected: 1 } : await executor.run(row);",
    'if (affected === 0) return finished({ status: "not-found" });\n  const left = await executor.run(row);',
  ),
  mutant(
    "mariadb",
    "a compare-and-set is judged by the row's version alone",
    SCRIPT,
    "  if (known !== undefined) return finished(answerOf(call, known));\n  if (target",
    "  if (known === null) return finished(answerOf(call, known));\n  if (target",
  ),
  {
    engine: "mariadb",
    name: "fingerprints are not compared",
    edits: [
      {
        file: DIALECT,
        from: `WHEN fingerprint <> ? THEN 'mismatch' WHEN state = \${STATE.failed}`,
        to: `WHEN ? IS NULL THEN 'mismatch' WHEN state = \${STATE.failed}`,
      },
      {
        file: DIALECT,
        from: `  CASE WHEN fingerprint = ? THEN result END AS result\nFROM \${ledger} WHERE id = ?\``,
        to: `  CASE WHEN ? IS NOT NULL THEN result END AS result\nFROM \${ledger} WHERE id = ?\``,
      },
    ],
  },
  mutant(
    "mysql",
    "nobody notices expiry",
    DIALECT,
    "THEN 'unfinished' WHEN expires_at <= UTC_TIMESTAMP(6) THEN 'expired'\n",
    "THEN 'unfinished'\n",
  ),
  mutant(
    "mariadb",
    "the sweeper takes rows within retention",
    DIALECT,
    `SELECT id FROM \${ledger} WHERE expires_at <= UTC_TIMESTAMP(6) AND state`,
    `SELECT id FROM \${ledger} WHERE state`,
  ),
  mutant(
    "mariadb",
    "a claim waits as long as the server likes",
    MARIADB,
    `\`SET STATEMENT innodb_lock_wait_timeout = \${waitSeconds} FOR BEGIN NOT ATOMIC`,
    `\`SET STATEMENT innodb_lock_wait_timeout = \${waitSeconds + 60} FOR BEGIN NOT ATOMIC`,
  ),
  mutant(
    "mysql",
    "the session keeps the ledger's lock wait",
    BOUNDED,
    '"SET SESSION innodb_lock_wait_timeout = @opledger_wait"',
    '"DO 0"',
  ),
  mutant(
    "mysql",
    "a refused write keeps the ledger's lock wait",
    PROCEDURES,
    "    RESIGNAL;\n  END;\n  SET SESSION sql_mode = `p_mode`,",
    "    SET SESSION innodb_lock_wait_timeout = `p_wait`;\n    RESIGNAL;\n  END;\n  SET SESSION sql_mode = `p_mode`,",
  ),
  mutant(
    "mariadb",
    "a call that fails in the caller's transaction leaves its effects there",
    JOINED,
    `await send(\`ROLLBACK TO SAVEPOINT \${name}\`);`,
    `await send(\`RELEASE SAVEPOINT \${name}\`);`,
  ),
  mutant(
    "mariadb",
    "a statement that the client gave up is lived with",
    FAILURE,
    'CLIENT_TIMEOUT = "PROTOCOL_SEQUENCE_TIMEOUT"',
    'CLIENT_TIMEOUT = ""',
  ),
];
