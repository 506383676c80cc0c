import { expect } from "vitest";
import type { BatchOutcome, IncrementArgs, InsertArgs, OperationRef, Row } from "../../src/index.js";
import {
  account,
  count,
  INEXACT,
  ledgerRows,
  literal,
  number,
  ownError,
  ref,
  rowOf,
  testWhere,
  thrown,
  unique,
  uniqueId,
} from "./helpers.js";
import type { Cases, Concern, Fixture } from "./target.js";

type Insert = OperationRef & InsertArgs;
type Increment = OperationRef & IncrementArgs;

export function entry(tag: string, more: Partial<Insert> = {}): Insert {
  const op = ref("batch");
  return { ...op, into: "entries", values: { note: op.key, tag }, ...more };
}

export function topUp(id: number, by: number | bigint | string, more: Partial<Increment> = {}): Increment {
  return { ...ref("batch"), table: "accounts", where: { id }, by: { balance: by }, ...more };
}

export function replays<R>(outcomes: readonly BatchOutcome<R>[]): BatchOutcome<R>[] {
  return outcomes.map((outcome) =>
    outcome.status === "executed" ? { ...outcome, status: "replayed" } : outcome,
  );
}

export function statuses(outcomes: readonly BatchOutcome<unknown>[]): string[] {
  return outcomes.map((outcome) => (outcome.status === "refused" ? codeOf(outcome.error) : outcome.status));
}

function codeOf(error: Error): string {
  return (error as { code?: string }).code ?? error.message;
}

export const tagged = (fixture: Fixture, tag: string) => count(fixture, "entries", `tag = ${literal(tag)}`);
export const balance = async (fixture: Fixture, id: number) =>
  Number((await rowOf(fixture, "accounts", id))?.balance);

export const batch: Concern = {
  name: "batch",
  register: (cases) => {
    if (!cases.target.capabilities.batches) {
      cases.skip("batches", "this client × engine has no batches");
      return;
    }
    insertions(cases);
    increments(cases);
    duplicates(cases);
  },
};

function insertions({ test }: Cases): void {
  test("inserts many, in the order given, and replays them", async (fixture) => {
    const tag = unique("tag");
    const ledger = fixture.createLedger();
    const batchOf = Array.from({ length: 20 }, () => entry(tag));
    const first = await ledger.insertMany(batchOf);
    expect(first).toMatchObject(
      batchOf.map(({ values }) => ({ status: "executed", effect: "inserted", value: values })),
    );
    expect(await ledger.insertMany(batchOf)).toStrictEqual(replays(first));
    expect(await ledger.insertMany([...batchOf].reverse())).toStrictEqual(replays(first).reverse());
    expect(await tagged(fixture, tag)).toBe(20);
  });

  test("a batch and a single write are the same operation", async (fixture) => {
    const tag = unique("tag");
    const ledger = fixture.createLedger();
    const one = entry(tag);
    const { operation, key, ...write } = one;
    const single = await ledger.operation({ operation, key }).insert(write);
    expect(await ledger.insertMany([one, entry(tag)])).toMatchObject([
      { ...single, status: "replayed" },
      { status: "executed" },
    ]);
    const other = entry(tag);
    const [batched] = await ledger.insertMany([other]);
    const again = await ledger
      .operation({ operation: other.operation, key: other.key })
      .insert({ into: "entries", values: other.values });
    expect(again).toStrictEqual({ ...batched, status: "replayed" });
    expect(await tagged(fixture, tag)).toBe(3);
  });

  test("with conflict: standing rows come back unchanged, and of one natural key the first inserts", async (fixture) => {
    const ledger = fixture.createLedger();
    const stem = unique("mail");
    const user = (name: string, email: string): Insert => ({
      ...ref("batch"),
      into: "users",
      values: { email, name },
      conflict: ["email"],
    });
    await ledger.insertMany([user("old", `${stem}-1`)]);
    const batchOf = [
      user("new", `${stem}-1`),
      user("a", `${stem}-2`),
      user("b", `${stem}-2`),
      user("c", `${stem}-3`),
    ];
    const made = await ledger.insertMany(batchOf);
    expect(made).toMatchObject([
      { effect: "unchanged", value: { name: "old" } },
      { effect: "inserted", value: { name: "a" } },
      { effect: "unchanged", value: { name: "a" } },
      { effect: "inserted", value: { name: "c" } },
    ]);
    expect(await ledger.insertMany(batchOf)).toStrictEqual(replays(made));
    expect(await number(fixture, `SELECT count(*) FROM users WHERE email LIKE '${stem}%'`)).toBe(3);
  });

  test("1,000 at once; 1,001 and mixed shapes are refused before anything is sent; none is nothing", async (fixture) => {
    const tag = unique("tag");
    const ledger = fixture.createLedger();
    const batchOf = Array.from({ length: 1_000 }, () => entry(tag));
    expect(await thrown(ledger.insertMany([...batchOf, entry(tag)]))).toBeInstanceOf(TypeError);
    expect(
      await thrown(ledger.insertMany([entry(tag), entry(tag, { values: { note: "n" } })])),
    ).toBeInstanceOf(TypeError);
    expect(await thrown(ledger.insertMany([entry(tag), entry(tag, { into: "payments" })]))).toBeInstanceOf(
      TypeError,
    );
    expect(await thrown(ledger.insertMany([entry(tag), entry(tag, { returning: ["id"] })]))).toBeInstanceOf(
      TypeError,
    );
    expect(await tagged(fixture, tag)).toBe(0);
    const first = await ledger.insertMany(batchOf);
    expect(new Set(statuses(first))).toStrictEqual(new Set(["executed"]));
    expect(await ledger.insertMany(batchOf)).toStrictEqual(replays(first));
    expect(await tagged(fixture, tag)).toBe(1_000);
    expect(await ledger.insertMany([])).toStrictEqual([]);
    expect(await ledger.incrementMany([])).toStrictEqual([]);
  });

  test("one violation refuses the whole batch, and leaves nothing", async (fixture) => {
    const ledger = fixture.createLedger();
    const ids = [uniqueId(), uniqueId(), uniqueId()];
    const batchOf = ids.map((id, index) => ({
      ...ref("batch"),
      into: "checked",
      values: { id, amount: 1 - index },
    }));
    expect(fixture.violation(await ownError(ledger.insertMany(batchOf)))).toBe("check");
    expect(await count(fixture, "checked", `id IN (${ids.join(", ")})`)).toBe(0);
    for (const op of batchOf) expect(await ledgerRows(fixture, op)).toBe(0);
  });
}

function increments(cases: Cases): void {
  const { test } = cases;
  const exactTest = testWhere(cases, cases.target.capabilities.exactNumbers, INEXACT);
  test("adds many, also to one row, each outcome as its own increment left it", async (fixture) => {
    const [one, two] = [await account(fixture, 100), await account(fixture, 0)];
    const ledger = fixture.createLedger();
    const batchOf = [topUp(one, 1), topUp(two, "7"), topUp(one, 10n), topUp(one, -5)];
    const first = await ledger.incrementMany(batchOf);
    expect(
      first.map((outcome) => outcome.status !== "refused" && Number(outcome.value.balance)),
    ).toStrictEqual([101, 7, 111, 106]);
    expect(await ledger.incrementMany(batchOf)).toStrictEqual(replays(first));
    expect([await balance(fixture, one), await balance(fixture, two)]).toStrictEqual([106, 7]);
  });

  test("a row that is not found is refused and not recorded; the others stand", async (fixture) => {
    const [id, missing] = [await account(fixture, 0), uniqueId()];
    const ledger = fixture.createLedger();
    const batchOf = [topUp(id, 1), topUp(missing, 1), topUp(id, 1)];
    const first = await ledger.incrementMany(batchOf);
    expect(statuses(first)).toStrictEqual(["executed", "OPLEDGER_ROW_NOT_FOUND", "executed"]);
    expect(await Promise.all(batchOf.map((op) => ledgerRows(fixture, op)))).toStrictEqual([1, 0, 1]);
    await fixture.query(`INSERT INTO accounts (id, balance) VALUES (${missing}, 0)`);
    expect(statuses(await ledger.incrementMany(batchOf))).toStrictEqual(["replayed", "executed", "replayed"]);
    expect([await balance(fixture, id), await balance(fixture, missing)]).toStrictEqual([2, 1]);
  });

  test("1,000 increments of 10 rows, and their replay", async (fixture) => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => account(fixture, 0)));
    const batchOf = Array.from({ length: 1_000 }, (_, index) => topUp(ids[index % 10] ?? 0, 1));
    const ledger = fixture.createLedger();
    const first = await ledger.incrementMany(batchOf);
    expect(new Set(statuses(first))).toStrictEqual(new Set(["executed"]));
    expect(await ledger.incrementMany(batchOf)).toStrictEqual(replays(first));
    for (const id of ids) expect(await balance(fixture, id)).toBe(100);
  });

  exactTest("decimals are added exactly", async (fixture) => {
    const id = await account(fixture);
    const batchOf = ["0.11", "0.20", "-0.05"].map((cents) => topUp(id, 0, { by: { credit: cents } }));
    const made = await fixture.createLedger().incrementMany(batchOf);
    expect(made.map((outcome) => outcome.status !== "refused" && String(outcome.value.credit))).toStrictEqual(
      ["0.11", "0.31", "0.26"],
    );
    expect(String((await rowOf(fixture, "accounts", id))?.credit)).toBe("0.26");
  });

  test("`where` must not hold null, and amounts must be numbers", async (fixture) => {
    const ledger = fixture.createLedger();
    expect(await thrown(ledger.incrementMany([topUp(1, 1, { where: { id: null } })]))).toBeInstanceOf(
      TypeError,
    );
    expect(await thrown(ledger.incrementMany([topUp(1, Number.NaN)]))).toBeInstanceOf(TypeError);
  });

  test("a single increment replays what a batch recorded only as that same operation", async (fixture) => {
    const id = await account(fixture, 0);
    const ledger = fixture.createLedger();
    const one = topUp(id, 3);
    const [made] = await ledger.incrementMany([one]);
    const again = await ledger.operation({ operation: one.operation, key: one.key }).increment(one);
    expect(again.status).toBe("replayed");
    expect(Number(again.value.balance)).toBe(3);
    expect(made?.status).toBe("executed");
    expect(await balance(fixture, id)).toBe(3);
  });
}

function duplicates({ test }: Cases): void {
  test("an operation named twice is executed once and replayed once", async (fixture) => {
    const tag = unique("tag");
    const id = await account(fixture, 0);
    const ledger = fixture.createLedger();
    const [one, two] = [entry(tag), entry(tag)];
    const made = await ledger.insertMany([one, two, one, two, one]);
    expect(statuses(made)).toStrictEqual(["executed", "executed", "replayed", "replayed", "replayed"]);
    expect(made[2]).toStrictEqual({ ...made[0], status: "replayed" });
    expect(await tagged(fixture, tag)).toBe(2);
    const up = topUp(id, 4);
    expect(statuses(await ledger.incrementMany([up, up]))).toStrictEqual(["executed", "replayed"]);
    expect(await balance(fixture, id)).toBe(4);
  });

  test("an operation named twice with other arguments: the first executes, the second is a mismatch", async (fixture) => {
    const id = await account(fixture, 0);
    const up = topUp(id, 4);
    const made = await fixture.createLedger().incrementMany([up, { ...up, by: { balance: 5 } }]);
    expect(statuses(made)).toStrictEqual(["executed", "OPLEDGER_FINGERPRINT_MISMATCH"]);
    expect(await balance(fixture, id)).toBe(4);
  });

  test("a mismatch inside a batch is refused; the others stand", async (fixture) => {
    const tag = unique("tag");
    const ledger = fixture.createLedger();
    const old = entry(tag);
    await ledger.insertMany([old]);
    const made = await ledger.insertMany([
      entry(tag),
      { ...old, values: { note: "other", tag } },
      entry(tag),
    ]);
    expect(statuses(made)).toStrictEqual(["executed", "OPLEDGER_FINGERPRINT_MISMATCH", "executed"]);
    const { 1: refusal } = made;
    expect(JSON.stringify(refusal)).not.toContain(old.key);
    expect(await tagged(fixture, tag)).toBe(3);
  });

  test("a mismatch does not spoil the right payload of the same operation further on", async (fixture) => {
    const tag = unique("tag");
    const ledger = fixture.createLedger();
    const old = entry(tag);
    await ledger.insertMany([old]);
    const made: BatchOutcome<Row>[] = await ledger.insertMany([
      { ...old, values: { note: "other", tag } },
      old,
    ]);
    expect(statuses(made)).toStrictEqual(["OPLEDGER_FINGERPRINT_MISMATCH", "replayed"]);
    expect(await tagged(fixture, tag)).toBe(1);
  });
}
