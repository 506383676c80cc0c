import { expect } from "vitest";
import {
  account,
  count,
  ledgerRows,
  literal,
  ownError,
  ref,
  refused,
  rowOf,
  twice,
  uniqueId,
} from "./helpers.js";
import type { Cases, Concern, Fixture } from "./target.js";

export const insert: Concern = {
  name: "insert",
  register: (cases) => {
    plain(cases);
    natural(cases);
    refusals(cases);
  },
};

const notes = (fixture: Fixture, note: string) => count(fixture, "entries", `note = ${literal(note)}`);
const users = (fixture: Fixture, email: string) => count(fixture, "users", `email = ${literal(email)}`);

function plain({ test, target }: Cases): void {
  test("inserts once, and the replay is the same row", async (fixture) => {
    const op = ref("insert");
    const write = { into: "entries", values: { note: op.key, amount: 100n } };
    const { first } = await twice(() => fixture.createLedger().operation(op).insert(write));
    expect(first.effect).toBe("inserted");
    expect(first.value).toMatchObject({ note: op.key, tag: null });
    expect(Number(first.value.amount)).toBe(100);
    expect(await notes(fixture, op.key)).toBe(1);
    expect(await ledgerRows(fixture, op)).toBe(1);
  });

  test("columns that are undefined take their defaults, null is NULL", async (fixture) => {
    const [one, two] = [uniqueId(), uniqueId()];
    const ledger = fixture.createLedger();
    const made = await ledger
      .operation(ref("defaults"))
      .insert({ into: "growing", values: { id: one, n: undefined, version: null } });
    expect(made.value).toMatchObject({ id: one, version: null });
    expect(Number(made.value.n)).toBe(0);
    const other = await ledger
      .operation(ref("defaults"))
      .insert({ into: "growing", values: { id: two, n: null } });
    expect(other.value).toMatchObject({ id: two, n: null, version: 1 });
  });

  test("a row of nothing but defaults", async (fixture) => {
    const before = await count(fixture, "defaults_only", "1 = 1");
    const op = ref("defaults");
    const { first } = await twice(() =>
      fixture.createLedger().operation(op).insert({ into: "defaults_only", values: {} }),
    );
    expect(first).toMatchObject({
      effect: "inserted",
      value: { flag: target.capabilities.booleans === "boolean" ? true : 1 },
    });
    const { dates } = target.capabilities;
    expect(first.value.made_at instanceof Date ? "Date" : typeof first.value.made_at).toBe(
      dates === "Date" ? dates : "string",
    );
    expect(await count(fixture, "defaults_only", "1 = 1")).toBe(before + 1);
  });

  test("returning limits the outcome to its columns, in the ledger too", async (fixture) => {
    const op = ref("returning");
    const ledger = fixture.createLedger();
    const write = { into: "entries", values: { note: op.key, tag: "hidden" }, returning: ["note"] };
    const { first } = await twice(() => ledger.operation(op).insert(write));
    expect(first.value).toStrictEqual({ note: op.key });
    expect(JSON.stringify(await ledger.inspect(op))).not.toContain("hidden");
  });

  test("BEFORE triggers and generated columns show in the outcome and in the replay", async (fixture) => {
    const ledger = fixture.createLedger();
    const id = uniqueId();
    const stamped = ref("trigger");
    const { first } = await twice(() =>
      ledger.operation(stamped).insert({ into: "stamped", values: { id, name: "n" } }),
    );
    expect(first.value).toStrictEqual({ id, name: "n", stamp: "stamped:n" });
    const computed = ref("generated");
    const made = await twice(() =>
      ledger.operation(computed).insert({ into: "computed", values: { id, base: 21 } }),
    );
    expect(made.first.value).toStrictEqual({ id, base: 21, doubled: 42 });
  });
}

function natural({ test }: Cases): void {
  test("with conflict: a row that stands is left alone and comes back unchanged", async (fixture) => {
    const ledger = fixture.createLedger();
    const [one, two] = [ref("natural"), ref("natural")];
    const email = `${one.key}@example.com`;
    const write = (name: string) => ({ into: "users", values: { email, name }, conflict: ["email"] });
    const inserted = await twice(() => ledger.operation(one).insert(write("first")));
    const unchanged = await twice(() => ledger.operation(two).insert(write("second")));
    expect(inserted.first.effect).toBe("inserted");
    expect(unchanged.first.effect).toBe("unchanged");
    expect(unchanged.first.value).toStrictEqual(inserted.first.value);
    expect(await users(fixture, email)).toBe(1);
    expect(await ledgerRows(fixture, two)).toBe(1);
  });

  test("with conflict: a replay tells what the first run did, even where the row has changed or gone", async (fixture) => {
    const op = ref("natural");
    const email = `${op.key}@example.com`;
    const run = () =>
      fixture
        .createLedger()
        .operation(op)
        .insert({ into: "users", values: { email, name: "n" }, conflict: ["email"] });
    const first = await run();
    await fixture.query(`UPDATE users SET name = 'changed' WHERE email = ${literal(email)}`);
    expect(await run()).toStrictEqual({ ...first, status: "replayed" });
    await fixture.query(`DELETE FROM users WHERE email = ${literal(email)}`);
    expect(await run()).toStrictEqual({ ...first, status: "replayed" });
    expect(await users(fixture, email)).toBe(0);
  });

  test("with conflict and returning: both the inserted and the standing row are limited", async (fixture) => {
    const ledger = fixture.createLedger();
    const op = ref("natural");
    const values = { email: `${op.key}@example.com`, name: "n" };
    const write = { into: "users", values, conflict: ["email"], returning: ["name"] };
    expect((await ledger.operation(op).insert(write)).value).toStrictEqual({ name: "n" });
    const again = await ledger.operation(ref("natural")).insert(write);
    expect(again).toStrictEqual({ status: "executed", effect: "unchanged", value: { name: "n" } });
  });
}

function refusals({ test }: Cases): void {
  test("without conflict a unique violation is the caller's error, and not recorded", async (fixture) => {
    const ledger = fixture.createLedger();
    const [one, two] = [ref("natural"), ref("natural")];
    const write = { into: "users", values: { email: `${one.key}@example.com` } };
    await ledger.operation(one).insert(write);
    const error = await ownError(ledger.operation(two).insert(write));
    expect(fixture.violation(error)).toBe("unique");
    expect(await ledgerRows(fixture, two)).toBe(0);
    expect(await users(fixture, write.values.email)).toBe(1);
    await fixture.query(`DELETE FROM users WHERE email = ${literal(write.values.email)}`);
    expect((await ledger.operation(two).insert(write)).status).toBe("executed");
  });

  test("a CHECK violation is the caller's error, and not recorded", async (fixture) => {
    const op = ref("check");
    const id = uniqueId();
    const attempt = fixture
      .createLedger()
      .operation(op)
      .insert({ into: "checked", values: { id, amount: -1 } });
    expect(fixture.violation(await ownError(attempt))).toBe("check");
    expect(await ledgerRows(fixture, op)).toBe(0);
    expect(await rowOf(fixture, "checked", id)).toBeUndefined();
  });

  test("a table that is missing is the caller's error, not the ledger's", async (fixture) => {
    const attempt = fixture
      .createLedger()
      .operation(ref("gone"))
      .insert({ into: "no_such_table", values: { id: 1 } });
    expect(fixture.violation(await ownError(attempt))).toBe("missing-table");
  });

  test("a row larger than the ledger stores is refused, and not inserted", async (fixture) => {
    const op = ref("large");
    const values = { note: op.key, tag: "x".repeat(1024 * 1024) };
    const ledger = fixture.createLedger();
    await refused(ledger.operation(op).insert({ into: "entries", values }), "OPLEDGER_RESULT_NOT_STORABLE");
    expect(await notes(fixture, op.key)).toBe(0);
    expect(await ledgerRows(fixture, op)).toBe(0);
    const less = await ledger.operation(op).insert({ into: "entries", values, returning: ["note"] });
    expect(less.status).toBe("executed");
  });

  test("a second, different write under one operation is a mismatch that says so", async (fixture) => {
    const ledger = fixture.createLedger();
    const op = ref("one write");
    const id = await account(fixture);
    const bound = ledger.operation(op);
    await bound.insert({ into: "entries", values: { note: op.key } });
    const others = [
      bound.insert({ into: "entries", values: { note: `${op.key}!` } }),
      bound.insert({ into: fixture.qualified("entries"), values: { note: op.key } }),
      bound.insert({ into: "entries", values: { note: op.key }, returning: ["id"] }),
      bound.increment({ table: "accounts", where: { id }, by: { balance: 1 } }),
    ];
    for (const result of await Promise.allSettled(others)) {
      expect(result).toMatchObject({ status: "rejected", reason: { code: "OPLEDGER_FINGERPRINT_MISMATCH" } });
      expect(String(result.status === "rejected" && result.reason)).toMatch(/one write.*`once`/s);
    }
    expect(await notes(fixture, op.key)).toBe(1);
    expect(Number((await rowOf(fixture, "accounts", id))?.balance)).toBe(100);
  });

  test("with an explicit payload the arguments do not count, verb and table do", async (fixture) => {
    const ledger = fixture.createLedger();
    const op = ref("payload", { payload: { n: 1 } });
    const first = await ledger.operation(op).insert({ into: "entries", values: { note: op.key } });
    const again = await ledger.operation(op).insert({ into: "entries", values: { note: `${op.key}!` } });
    expect(again).toStrictEqual({ ...first, status: "replayed" });
    await refused(
      ledger.operation(op).delete({ from: "entries", where: { note: op.key } }),
      "OPLEDGER_FINGERPRINT_MISMATCH",
    );
    await refused(
      ledger.operation(op).insert({ into: "carts", values: { id: 1 } }),
      "OPLEDGER_FINGERPRINT_MISMATCH",
    );
  });

  test("the order of the columns does not make another write", async (fixture) => {
    const op = ref("order");
    const ledger = fixture.createLedger();
    await ledger.operation(op).insert({ into: "entries", values: { note: op.key, tag: "t" } });
    const again = await ledger.operation(op).insert({ into: "entries", values: { tag: "t", note: op.key } });
    expect(again.status).toBe("replayed");
    expect(Object.keys(again.value)).toStrictEqual(["id", "note", "amount", "tag", "doc"]);
  });
}
