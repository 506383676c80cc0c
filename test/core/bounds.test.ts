import { describe, expect, it } from "vitest";
import { BATCH_MAX } from "../../src/core/batch.js";
import { DEFAULT_CODEC, encodeResult } from "../../src/core/codec.js";
import type { LedgerContext } from "../../src/core/context.js";
import type { Claim, OneStatementDialect } from "../../src/core/dialect.js";
import { FingerprintMismatchError, RolledBackError } from "../../src/core/errors.js";
import type { LedgerEvent } from "../../src/core/events.js";
import type { Database, Failure, Statement, TransactionPlan } from "../../src/core/executor.js";
import { Flights } from "../../src/core/flights.js";
import { Ledger } from "../../src/core/ledger.js";
import { CLAIM_ROUNDS_MAX } from "../../src/core/once.js";
import { Recent } from "../../src/core/recent.js";
import { SWEEP_BATCH_MAX } from "../../src/core/retention.js";
import { DEFAULT_BACKOFF } from "../../src/core/retry.js";
import { WRITE_ROUNDS_MAX } from "../../src/core/write.js";
import { dialect as postgres } from "./support/dialect.js";

const OPERATION = { operation: "o", key: "k" };
const STORED = encodeResult({ n: 1 }, DEFAULT_CODEC, { scope: "", operation: "o", keyHash: "" });

/** A ledger over a database that answers each claim with the next of `claims`, and the last of them for ever. */
class Scripted {
  readonly ran: string[] = [];
  readonly events: LedgerEvent["type"][] = [];
  readonly ledger: Ledger<null>;
  failure: Failure = { kind: "other" };
  /** Thrown in the place of every commit. */
  failsWith: Error | undefined;
  commits = 0;

  constructor(claims: readonly Claim[], { joined = false, attemptsMax = 3 } = {}) {
    const run = async ({ sql }: Statement): Promise<{ rows: []; affected: 0 }> => {
      this.ran.push(sql);
      return { rows: [], affected: 0 };
    };
    const transaction = async <T>(plan: TransactionPlan<null, T>): Promise<T> => {
      const opened = await Promise.all(plan.opening.map(run));
      const { closing, value } = await plan.body(opened, null, { run });
      for (const statement of closing) await run(statement);
      if (this.failsWith !== undefined) throw this.failsWith;
      this.commits += 1;
      return value;
    };
    const database: Database<null> = { joined, run, transaction, failure: () => this.failure };
    const dialect: OneStatementDialect = {
      ...postgres,
      claim: () => ({ sql: "claim", values: [] }),
      forget: () => ({ sql: "forget", values: [] }),
      complete: () => ({ sql: "complete", values: [] }),
      write: () => ({ sql: "write", values: [] }),
      sweep: () => ({ sql: "sweep", values: [] }),
      readClaim: () =>
        claims[Math.min(this.ran.filter((sql) => sql === "claim").length, claims.length) - 1] ?? RECHECK,
      readWrite: () => ({ status: "recheck" }),
    };
    const context: LedgerContext<null> = {
      ...{ database, dialect, retentionMs: 1_000, waitMs: 100, responseMs: 100, codec: DEFAULT_CODEC },
      backoff: { ...DEFAULT_BACKOFF, attemptsMax, baseMs: 0 },
      onEvent: ({ type }) => this.events.push(type),
      storeError: undefined,
      flights: new Flights(),
      recent: new Recent(),
    };
    this.ledger = new Ledger(context);
  }
}

const RECHECK: Claim = { status: "recheck" };
const CLAIMED: Claim = { status: "claimed", token: "7" };

describe("a claim", () => {
  it("that never settles is given up, within its bound", async () => {
    const scripted = new Scripted([RECHECK]);
    const work = (): never => expect.unreachable();
    await expect(scripted.ledger.once(OPERATION, work)).rejects.toThrow(RolledBackError);
    expect(scripted.ran.filter((sql) => sql === "claim")).toHaveLength(CLAIM_ROUNDS_MAX + 1);
    expect(scripted.commits).toBe(0);
  });

  it("forgets an expired row before it claims again", async () => {
    const scripted = new Scripted([{ status: "expired" }, CLAIMED]);
    expect(await scripted.ledger.once(OPERATION, () => 1)).toEqual({ status: "executed", value: 1 });
    expect(scripted.ran).toEqual(["claim", "forget", "claim", "complete"]);
  });

  it("of another payload runs nothing, reveals nothing and commits nothing", async () => {
    const scripted = new Scripted([{ status: "mismatch" }]);
    const work = (): never => expect.unreachable();
    await expect(scripted.ledger.once(OPERATION, work)).rejects.toThrow(FingerprintMismatchError);
    expect([scripted.ran, scripted.commits, scripted.events]).toEqual([["claim"], 0, ["mismatch"]]);
  });

  it("of a completed operation replays it", async () => {
    const scripted = new Scripted([{ status: "completed", result: STORED }]);
    const outcome = await scripted.ledger.once(OPERATION, () => expect.unreachable());
    expect(outcome).toEqual({ status: "replayed", value: { n: 1 } });
    expect(scripted.ran).toEqual(["claim"]);
  });
});

describe("a failed attempt", () => {
  it.each(["conflict", "lost", "unknown", "reprepare"] as const)(
    "(%s) is retried within its bound",
    async (kind) => {
      const scripted = new Scripted([CLAIMED], { attemptsMax: 4 });
      scripted.failure = { kind };
      scripted.failsWith = new Error("at COMMIT");
      let runs = 0;
      const fails = scripted.ledger.once(OPERATION, () => {
        runs += 1;
      });
      await expect(fails).rejects.toMatchObject(
        kind === "reprepare" ? { message: "at COMMIT" } : { retryable: true, cause: scripted.failsWith },
      );
      expect(runs).toBe(4);
      expect(scripted.events.filter((type) => type === "retried")).toHaveLength(3);
    },
  );

  it("inside a transaction of the caller's is the caller's to retry", async () => {
    const scripted = new Scripted([CLAIMED], { joined: true });
    scripted.failure = { kind: "conflict" };
    const own = new Error("deadlock");
    await expect(scripted.ledger.once(OPERATION, () => Promise.reject(own))).rejects.toMatchObject({
      code: "OPLEDGER_ROLLED_BACK",
      cause: own,
    });
    expect(scripted.ran).toEqual(["claim"]);
  });

  it("of the work's own making is thrown as it is, at once", async () => {
    const scripted = new Scripted([CLAIMED]);
    const own = new Error("mine");
    await expect(scripted.ledger.once(OPERATION, () => Promise.reject(own))).rejects.toBe(own);
    expect([scripted.ran, scripted.commits]).toEqual([["claim"], 0]);
  });
});

describe("a bound write", () => {
  it("that never settles is given up, within its bound", async () => {
    const scripted = new Scripted([]);
    const write = scripted.ledger.operation(OPERATION).insert({ into: "t", values: { a: 1 } });
    await expect(write).rejects.toThrow(RolledBackError);
    expect(scripted.ran).toHaveLength(WRITE_ROUNDS_MAX);
  });

  it("takes only so many of a batch", async () => {
    const one = { operation: "o", into: "t", values: { a: 1 } };
    const many = Array.from({ length: BATCH_MAX + 1 }, (_, index) => ({ ...one, key: `k${index}` }));
    const { ledger, ran } = new Scripted([]);
    await expect(ledger.insertMany(many)).rejects.toThrow(TypeError);
    await expect(
      ledger.insertMany([
        { ...one, key: "a" },
        { ...one, key: "b", into: "u" },
      ]),
    ).rejects.toThrow(TypeError);
    expect(await ledger.insertMany([])).toEqual([]);
    expect(ran).toEqual([]);
  });
});

describe("a sweep", () => {
  it.each([
    { batch: 0 },
    { batch: 1.5 },
    { batch: SWEEP_BATCH_MAX + 1 },
    { limit: 0 },
    { limit: Number.NaN },
  ])("of %j is refused", async (options) => {
    const { ledger, ran } = new Scripted([]);
    await expect(ledger.sweep(options)).rejects.toThrow(TypeError);
    expect(ran).toEqual([]);
  });

  it("ends where nothing is left, and says so", async () => {
    const { ledger, ran, events } = new Scripted([]);
    expect(await ledger.sweep({ batch: SWEEP_BATCH_MAX })).toEqual({ removed: 0, batches: 1 });
    expect([ran, events]).toEqual([["sweep"], ["swept"]]);
  });
});
