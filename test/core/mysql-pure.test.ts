import { describe, expect, it } from "vitest";
import { inlined } from "../../src/adapters/mysql2/literal.js";
import { before } from "../../src/core/decimals.js";
import { endsTransaction } from "../../src/dialects/mysql/control.js";
import { lacksProcedure, mysqlFailure } from "../../src/dialects/mysql/failure.js";
import { ledgerMigrations } from "../../src/migrations/index.js";

describe("statements that end a MySQL transaction", () => {
  const refused = [
    "COMMIT",
    "-- a\n /* b */ # c\n rollback",
    "/*!50000 COMMIT */",
    "SELECT 1; COMMIT",
    "SET @x = 1, @@session.autocommit := 1",
    "CREATE OR REPLACE TABLE t (a int)",
    "LOCK TABLES t WRITE",
    "ROLLBACK TO SAVEPOINT opledger_claim",
  ];
  const allowed = [
    "SELECT 'COMMIT; COMMIT'",
    "SELECT `commit` FROM t -- COMMIT",
    "ROLLBACK TO SAVEPOINT mine",
    "SAVEPOINT opledger_work",
    "CREATE TEMPORARY TABLE t (a int)",
    "SET @x = 1",
    "INSERT INTO begin_log VALUES (1)",
  ];
  it.each(refused)("refuses %s", (sql) => expect(endsTransaction(sql)).toBe(true));
  it.each(allowed)("lets %s through", (sql) => expect(endsTransaction(sql)).toBe(false));
});

describe("values written into a statement", () => {
  it("mean the same in every SQL mode, and leave names alone", () => {
    const values = ["it's \\", Buffer.from([0, 39]), null, true, 7n, 1.5, ""];
    const sql = "SELECT `a?b`, '?', ?, ?, ?, ?, ?, ?, ?";
    expect(inlined({ sql, values }, "Z")).toBe(
      "SELECT `a?b`, '?', _utf8mb4 X'69742773205c', X'0027', NULL, 1, _utf8mb4 X'37', 1.5e+0, ''",
    );
  });

  it("writes dates in the connection's time zone", () => {
    const at = new Date("2024-02-29T23:30:00.123Z");
    const text = (timezone: string): string => inlined({ sql: "?", values: [at] }, timezone);
    const hex = (value: string): string => `_utf8mb4 X'${Buffer.from(value).toString("hex")}'`;
    expect(text("Z")).toBe(hex("2024-02-29 23:30:00.123"));
    expect(text("+01:30")).toBe(hex("2024-03-01 01:00:00.123"));
  });
});

describe("what a counter held before", () => {
  it.each([
    [10, [3, 4n], 3],
    ["0.25", ["-0.05"], "0.30"],
    ["9007199254740993", [1, 1], 9007199254740991],
    [null, [1], null],
    [0.3, [0.1], undefined],
    ["1.5", ["0.25"], undefined],
    ["-0.01", ["0.02"], "-0.03"],
  ])("%s after %s", (value, amounts, expected) => expect(before(value, amounts)).toBe(expected));
});

describe("what a server's error means", () => {
  it.each([
    [1213, "Deadlock found", "conflict"],
    [1020, "Record has changed since last read", "conflict"],
    [1062, "Duplicate entry", "duplicate"],
    [1205, "Lock wait timeout exceeded", "locked"],
    [1317, "Query execution was interrupted", "canceled"],
    [1969, "Query was interrupted: max_statement_time exceeded", "canceled"],
    [3024, "maximum statement execution time exceeded", "canceled"],
    [1180, "Got error 149 during COMMIT", "conflict"],
    [1180, "Got error 28 during COMMIT", "unknown"],
    [3100, "Error on observer while running replication hook 'before_commit'.", "unknown"],
    [1146, "Table 'd.opledger_operations' doesn't exist", "schema"],
    [1146, "Table 'd.accounts' doesn't exist", "other"],
    [1615, "Prepared statement needs to be re-prepared", "reprepare"],
    [1290, "The MySQL server is running with the --read-only option", "read-only"],
    [1792, "Cannot execute statement in a READ ONLY transaction.", "read-only"],
    [1690, "BIGINT value is out of range", "other"],
  ])("%s, %s", (errno, message, kind) =>
    expect(mysqlFailure({ errno, message }, "opledger_operations")).toStrictEqual({ kind }),
  );
});

it.each([
  [1305, "PROCEDURE app.ops_open does not exist", true],
  [1370, "execute command denied to user 'app'@'%' for routine 'app.ops_write'", true],
  [1318, "Incorrect number of arguments for PROCEDURE app.ops_close; expected 5, got 10", true],
  [1305, "PROCEDURE app.pay does not exist", false],
  [1370, "execute command denied to user 'app'@'%' for routine 'app.pay'", false],
  [1305, "SAVEPOINT ops_open does not exist", false],
  [1146, "Table 'app.ops_open' doesn't exist", false],
])("%s, %s: the ledger's procedures are lacking: %s", (errno, message, lacking) =>
  expect(lacksProcedure(errno, message, "ops")).toBe(lacking),
);

it("MySQL's migration is one statement at a time, and the text for the client's DELIMITER is gone", () => {
  const [step] = ledgerMigrations("mysql", { schema: "s", table: "t" });
  expect(step?.upStatements).toHaveLength(5);
  expect(step?.downStatements).toHaveLength(4);
  expect(step?.up).not.toMatch(/DELIMITER/);
  expect(step?.up).toContain("CREATE TABLE `s`.`t`");
  expect(step?.up).toContain("`t_expires_at_idx`");
});
