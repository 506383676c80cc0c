import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { createLedger } from "../../src/adapters/pg/index.js";
import { TransactionHandle } from "../../src/adapters/pg/transaction.js";
import { DEFAULT_CODEC, decodeResult, encodeResult } from "../../src/core/codec.js";
import { Call } from "../../src/core/context.js";
import { InvalidOperationError } from "../../src/core/errors.js";
import { canonicalForm, fingerprint } from "../../src/core/fingerprint.js";
import { Flights } from "../../src/core/flights.js";
import { identify } from "../../src/core/operation.js";
import { Recent } from "../../src/core/recent.js";
import { DEFAULT_BACKOFF } from "../../src/core/retry.js";
import { claimWrite } from "../../src/core/write.js";
import { insertWrite, updateWrite, upsertWrite, type Write } from "../../src/core/writes.js";
import { postgresFailure } from "../../src/dialects/postgres/failure.js";
import { quote } from "../../src/dialects/postgres/sql.js";
import { claimed, dialect } from "./support/dialect.js";

/** Cases that once went wrong, each in a way that no ordinary test of its subject would have thought of. */
const print = (write: Write): string =>
  claimWrite(
    identify({ operation: "o", key: "k" }, 1),
    { operation: "o", key: "k" },
    write,
  ).fingerprint.toString("hex");

async function letsThrough(sql: string): Promise<void> {
  const result = { rows: [], rowCount: 0, command: "SELECT", fields: [] };
  const client = { query: async () => result, on: () => client };
  await new TransactionHandle(client).query(sql);
}

describe("bound writes", () => {
  it("an upsert's fingerprint does not depend on the order in which columns were named", () => {
    const [a, b] = [
      { email: "e", name: "n", age: 1 },
      { email: "e", age: 1, name: "n" },
    ].map((values) => print(upsertWrite({ into: "users", values, conflict: ["email"] })));
    expect(a).toBe(b);
  });

  it("a compare-and-set refuses its version column in `where`, where a lost race would look like a missing row", () => {
    const where = { id: 1, version: 3 };
    expect(() => updateWrite({ table: "t", where, set: { a: 1 }, version: 3 })).toThrow(TypeError);
  });

  it("a batch refuses an increment whose `where` and `by` share a column, which would overwrite `where`", async () => {
    const ledger = createLedger({ query: () => Promise.reject(new Error("unused")), on: () => undefined });
    const shared = { table: "t", where: { id: 1, balance: 100 }, by: { balance: -100 } };
    const refused = ledger.incrementMany([{ operation: "o", key: "k", ...shared }]);
    await expect(refused).rejects.toThrow(TypeError);
  });

  it("a batch does not write NaN as NULL", () => {
    const write = insertWrite({ into: "t", values: { amount: Number.NaN } });
    const entry = { write, operation: claimed({ operation: "o", key: "k", payload: "explicit" }) };
    const { values } = dialect.writeMany([entry], { waitMs: 1, redact: [], joined: false });
    expect(JSON.parse(String(values[0]))[0].given.amount).not.toBeNull();
  });

  it("a column name with a lone surrogate is refused, since UTF-8 turns them all into the same one", () => {
    expect(() => quote("\ud800")).toThrow(TypeError);
  });
});

describe("the work's handle", () => {
  it("lets CASE … END through where comments stand before both", async () => {
    await letsThrough("/* app:web */ SELECT CASE WHEN a THEN 1 /* else null */ END FROM t");
  });

  it("sees a COMMIT behind an empty statement", async () => {
    await expect(letsThrough("; COMMIT")).rejects.toThrow();
  });

  it("lets ROLLBACK TO through where a comment stands inside", async () => {
    await letsThrough("ROLLBACK /* undo */ TO SAVEPOINT a");
  });

  it("reads a statement behind many comments in linear time", async () => {
    // A pattern that backtracks would not come back from this before the end of time.
    await letsThrough(`${"/**/".repeat(10_000)} SELECT 1`);
  });
});

describe("payloads and results", () => {
  it("redacting a name like a tag leaves the values of that tag alone", () => {
    const options = { ...DEFAULT_CODEC, redact: new Set(["$date"]) };
    const operation = { scope: "", operation: "o", keyHash: "" };
    const back = decodeResult(encodeResult({ at: new Date(0), $date: 1 }, options, operation), options);
    expect(back).toEqual({ at: new Date(0), $date: null });
  });

  it("a Date of another realm (node:vm, Jest) has the form of a Date, not of its text", () => {
    expect(canonicalForm(runInNewContext("new Date(0)"))).toBe(canonicalForm(new Date(0)));
  });

  it("bytes of another realm have the form of bytes", () => {
    expect(canonicalForm(runInNewContext("Uint8Array.of(1)"))).toBe(canonicalForm(Uint8Array.of(1)));
  });

  it("an empty object of another realm is an object", () => {
    expect(canonicalForm(runInNewContext("({})"))).toBe("{}");
  });

  it("a toJSON that never ends is refused, not a stack overflow", () => {
    const endless = (): unknown => ({ toJSON: endless });
    expect(() => fingerprint(endless())).toThrow(InvalidOperationError);
  });

  it("the properties of a list count, or are refused", () => {
    expect(() => fingerprint(Object.assign([1], { total: 1 }))).toThrow(InvalidOperationError);
  });

  it("the path of a refused value tells the entry of a Map", () => {
    const map = new Map([
      ["a", 1],
      ["b", Number.NaN],
    ]);
    expect(() => fingerprint({ map })).not.toThrow("at $.map[1].");
  });

  it("a payload whose form is huge is refused before it is built", () => {
    let payload: unknown = "x".repeat(1_000);
    for (let level = 0; level < 60; level++) payload = [payload, payload];
    expect(() => fingerprint(payload)).toThrow(InvalidOperationError);
  });
});

describe("options and failures", () => {
  const source = { query: () => Promise.reject(new Error("unused")), on: () => undefined };

  it("createLedger refuses a retentionMs that every call would refuse", () => {
    expect(() => createLedger(source, { retentionMs: 1.5 })).toThrow(TypeError);
  });

  it("createLedger refuses a backoff that never ends", () => {
    expect(() => createLedger(source, { backoff: { attemptsMax: Number.NaN } })).toThrow(TypeError);
  });

  it("a schema that does not exist is the ledger's schema error", () => {
    const error = { state: "3F000", message: 'schema "app" does not exist' };
    expect(postgresFailure(error, { schema: "app", table: "ops" }).kind).toBe("schema");
  });

  it("the message of a rollback that was not retried has no gap", async () => {
    const call = new Call(context(), {
      ...identify({ operation: "o", key: "k" }, 1),
      fingerprint: Buffer.alloc(32),
    });
    const error: unknown = await call.attempt(() => Promise.reject(new Error("deadlock"))).catch((e) => e);
    expect(String(error)).toContain("rolled back");
    expect(String(error)).not.toContain("  ");
  });
});

function context(): ConstructorParameters<typeof Call<never>>[0] {
  const never = (): Promise<never> => Promise.reject(new Error("unused"));
  return {
    database: { joined: true, run: never, transaction: never, failure: () => ({ kind: "conflict" }) },
    ...{ dialect, retentionMs: 1, waitMs: 1, responseMs: 1, backoff: DEFAULT_BACKOFF, codec: DEFAULT_CODEC },
    ...{ onEvent: undefined, storeError: undefined, flights: new Flights(), recent: new Recent() },
  };
}
