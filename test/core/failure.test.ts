import { describe, expect, it } from "vitest";
import type { PgClientLike } from "../../src/adapters/pg/client.js";
import {
  isConnectionLoss,
  noteLoss,
  noteReprepare,
  pgFailure,
  sqlState,
  survive,
} from "../../src/adapters/pg/failure.js";
import { CommitLost, ConnectionLost, NotOurs, Unavailable } from "../../src/core/failure.js";
import { postgresFailure } from "../../src/dialects/postgres/failure.js";

const LEDGER = { schema: "public", table: "opledger_operations" };

/** As pg builds it from the server's message. */
class DatabaseError extends Error {
  readonly severity = "ERROR";
  constructor(
    message: string,
    readonly code: string,
    rest: { readonly table?: string; readonly schema?: string; readonly cause?: unknown } = {},
  ) {
    super(message, rest.cause === undefined ? undefined : { cause: rest.cause });
    Object.assign(this, rest);
  }
}

describe("what an error of the server means", () => {
  it.each([
    ["40001", "could not serialize access", "conflict"],
    ["40P01", "deadlock detected", "conflict"],
    ["55P03", "canceling statement due to lock timeout", "locked"],
    ["21000", "more than one row returned", "many-rows"],
    ["22P02", 'invalid input syntax for type integer: "opledger:not-ours 0"', "not-ours"],
    ["22P02", 'invalid input syntax for type boolean: "opledger:result-too-large 7"', "too-large"],
    ["22P02", "ungültige Eingabesyntax für Typ boolean: »opledger:result-too-large 7«", "too-large"],
    ["22P02", 'invalid input syntax for type integer: "x"', "other"],
    ["25000", "opledger:unfinished: this transaction holds …", "not-ours"],
    ["25000", "something else", "other"],
    ["25006", "cannot execute INSERT in a read-only transaction", "read-only"],
    ["42P01", 'relation "public.opledger_operations" does not exist', "schema"],
    ["42P01", 'Relation »x« "opledger_operations" existiert nicht', "schema"],
    ["42P01", 'relation "opledger_operations_old" does not exist', "other"],
    ["42P01", 'relation "my_opledger_operations" does not exist', "other"],
    ["42P01", 'relation "invoices" does not exist', "other"],
    ["42703", 'column "result" of relation "opledger_operations" does not exist', "schema"],
    ["42703", 'column "nmae" of relation "users" does not exist', "other"],
    ["42P05", "prepared statement already exists", "other"],
    ["26000", "prepared statement does not exist", "other"],
    ["3F000", 'schema "public" does not exist', "schema"],
    ["3F000", 'schema "app" does not exist', "other"],
    ["0A000", "cached plan must not change result type", "other"],
    ["0A000", "FOR UPDATE is not supported", "other"],
    ["23503", "foreign key violation", "other"],
    ["23514", "check violation", "other"],
    ["25P02", "current transaction is aborted", "other"],
    ["57014", "canceling statement due to user request", "canceled"],
  ])("%s %s: %s", (state, message, kind) => {
    expect(postgresFailure({ state, message }, LEDGER)).toEqual({ kind });
    expect(pgFailure(new DatabaseError(message, state), LEDGER)).toEqual({ kind });
  });

  it.each([
    ["public", "opledger_operations", true],
    ["other", "opledger_operations", false],
    ["public", "users", false],
    [undefined, undefined, false],
  ])("23505 in %s.%s: whether it is the ledger's own", (schema, table, ledger) => {
    const failure = postgresFailure({ state: "23505", message: "", schema, table }, LEDGER);
    expect(failure).toEqual({ kind: "duplicate", ledger });
  });

  it("knows a ledger by the name it was given", () => {
    const ledger = { schema: "app", table: "ops" };
    const missing = (name: string): string =>
      postgresFailure({ state: "42P01", message: `relation "${name}" does not exist` }, ledger).kind;
    expect([missing("app.ops"), missing("ops"), missing("opledger_operations")]).toEqual([
      "schema",
      "schema",
      "other",
    ]);
  });
});

describe("what an error of the client means", () => {
  const state = (code: string): Error => new DatabaseError("terminating connection", code);
  /** The same, as it came from the operation's own client. */
  const lost = (code: string): Error => {
    const error = state(code);
    noteLoss({ query: () => Promise.reject(new Error()), on: () => undefined }, error);
    return error;
  };
  it.each<[string, unknown, string]>([
    ["a COMMIT without an answer", new CommitLost(new Error("x")), "unknown"],
    ["a COMMIT that the server cut", new CommitLost(state("57P01")), "unknown"],
    ["no connection", new Unavailable("x"), "unavailable"],
    ["an aborted transaction", new NotOurs(new Error("x")), "not-ours"],
    [
      "an aborted transaction, by a serialization failure that was swallowed",
      new NotOurs(state("40001")),
      "not-ours",
    ],
    ["a lost connection", new ConnectionLost(new Error("x")), "lost"],
    ...["57P01", "57P02", "57P03", "57P05", "08006", "08P01", "25P03"].map(
      (code): [string, unknown, string] => [code, lost(code), "lost"],
    ),
    ["a lost connection that the work wrapped", new Error("mine", { cause: lost("57P01") }), "lost"],
    ["the shutdown of another database", state("57P01"), "other"],
    ["a deadlock", state("40P01"), "conflict"],
    ["an error of the work", new Error("x"), "other"],
    [
      "an error of the work with a code like a SQLSTATE",
      Object.assign(new Error("x"), { code: "40001" }),
      "other",
    ],
    ["a broken socket of another client", Object.assign(new Error("x"), { code: "ECONNRESET" }), "other"],
    ["a thrown string", "40001", "other"],
    ["a thrown null", null, "other"],
    ["a thrown undefined", undefined, "other"],
    ["a thrown object", { code: "40001", severity: "ERROR" }, "other"],
  ])("%s: %s", (_, error, kind) => {
    expect(pgFailure(error, LEDGER)).toEqual({ kind });
  });

  it("follows causes, but not for ever", () => {
    const loop = new Error("loop");
    loop.cause = loop;
    expect(isConnectionLoss(loop)).toBe(false);
    const deep = (levels: number): Error =>
      levels === 0 ? lost("57P01") : new Error("wrapped", { cause: deep(levels - 1) });
    expect([0, 1, 3, 4].map((levels) => isConnectionLoss(deep(levels)))).toEqual([true, true, true, false]);
  });

  it("knows a loss by the client that it came from", () => {
    const listeners = new Map<string, () => void>();
    const client = {
      query: () => Promise.reject(new Error()),
      on: (event: string, listener: () => void) => listeners.set(event, listener),
    } satisfies PgClientLike;
    const error = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    survive(client);
    survive(client);
    noteLoss(client, error);
    expect(pgFailure(error, LEDGER).kind).toBe("other");
    listeners.get("error")?.();
    noteLoss(client, error);
    expect(pgFailure(error, LEDGER).kind).toBe("lost");
    noteLoss(client, "no error at all");
  });

  it("counts pg's own read timeout as a loss, and cuts the connection", () => {
    let destroyed = 0;
    const client = {
      query: () => Promise.reject(new Error()),
      on: () => undefined,
      connection: { stream: { destroy: () => void destroyed++ } },
    };
    const error = new Error("Query read timeout");
    noteLoss(client, error);
    expect([destroyed, pgFailure(error, LEDGER).kind]).toEqual([1, "lost"]);
  });

  it("knows a plan that no longer fits by what the sender noted of it", () => {
    const error = state("0A000");
    expect(pgFailure(error, LEDGER).kind).toBe("other");
    noteReprepare(error);
    expect(pgFailure(error, LEDGER).kind).toBe("reprepare");
    noteReprepare("no error at all");
  });

  it("reads a SQLSTATE only from errors of the server", () => {
    expect(sqlState(state("40P01"))).toBe("40P01");
    expect(sqlState({ code: "40P01" })).toBeUndefined();
    expect(sqlState({ code: "ECONNRESET", severity: "x" })).toBeUndefined();
    expect(sqlState({ code: 40001, severity: "x" })).toBeUndefined();
  });
});
