import { expect } from "vitest";
import { count, ledgerRows, literal, ownError, ref, refused, rowOf, twice, uniqueId } from "./helpers.js";
import type { Cases, Concern, Fixture } from "./target.js";

const users = (fixture: Fixture, email: string) =>
  fixture.query(`SELECT * FROM users WHERE email = ${literal(email)}`);

export const upsert: Concern = {
  name: "upsert",
  register: (cases) => {
    effects(cases);
    refusals(cases);
  },
};

function effects({ test }: Cases): void {
  test("tells inserted from updated, and each replay says the same", async (fixture) => {
    const ledger = fixture.createLedger();
    const [one, two, three] = [ref("upsert"), ref("upsert"), ref("upsert")];
    const email = `${one.key}@example.com`;
    const write = (name: string) => ({ into: "users", values: { email, name }, conflict: ["email"] });
    const inserted = await twice(() => ledger.operation(one).upsert(write("a")));
    expect(inserted.first).toMatchObject({ effect: "inserted", value: { email, name: "a", visits: 0 } });
    const updated = await twice(() => ledger.operation(two).upsert(write("b")));
    expect(updated.first).toMatchObject({ effect: "updated", value: { email, name: "b", visits: 0 } });
    expect(updated.first.value.id).toBe(inserted.first.value.id);
    const same = await ledger.operation(three).upsert(write("b"));
    expect(same.effect).toBe("updated");
    expect(await ledger.operation(one).upsert(write("a"))).toStrictEqual(inserted.second);
    expect(await users(fixture, email)).toMatchObject([{ name: "b" }]);
    for (const op of [one, two, three]) expect(await ledgerRows(fixture, op)).toBe(1);
  });

  test("tells them apart one after the other in one transaction of the caller's", async (fixture) => {
    const tx = await fixture.begin();
    const ledger = tx.ledger();
    const email = `${ref("x").key}@example.com`;
    const write = { into: "users", values: { email, name: "n" }, conflict: ["email"] };
    const effectsSeen: string[] = [];
    for (const other of [false, false, true, false]) {
      const values = other ? { email: `other-${email}`, name: "n" } : write.values;
      effectsSeen.push((await ledger.operation(ref("upsert")).upsert({ ...write, values })).effect);
    }
    await tx.commit();
    expect(effectsSeen).toStrictEqual(["inserted", "updated", "inserted", "updated"]);
  });

  test("updates only the columns of `update`", async (fixture) => {
    const ledger = fixture.createLedger();
    const email = `${ref("x").key}@example.com`;
    const write = (name: string, visits: number) => ({
      into: "users",
      values: { email, name, visits },
      conflict: ["email"],
      update: ["visits"],
    });
    await ledger.operation(ref("upsert")).upsert(write("first", 1));
    const updated = await ledger.operation(ref("upsert")).upsert(write("second", 2));
    expect(updated.value).toMatchObject({ name: "first", visits: 2 });
  });

  test("updates a column to null, and a natural key onto itself", async (fixture) => {
    const ledger = fixture.createLedger();
    const email = `${ref("x").key}@example.com`;
    const write = { into: "users", conflict: ["email"] };
    await ledger.operation(ref("upsert")).upsert({ ...write, values: { email, name: "n" } });
    const nulled = await ledger.operation(ref("upsert")).upsert({ ...write, values: { email, name: null } });
    expect(nulled).toMatchObject({ effect: "updated", value: { name: null } });
    const itself = await ledger
      .operation(ref("upsert"))
      .upsert({ ...write, values: { email, name: "x" }, update: ["email"], returning: ["name"] });
    expect(itself).toMatchObject({ effect: "updated", value: { name: null } });
  });

  test("BEFORE triggers see the insert and the update", async (fixture) => {
    const ledger = fixture.createLedger();
    const id = uniqueId();
    const write = (name: string) => ({ into: "stamped", values: { id, name }, conflict: ["id"] });
    expect((await ledger.operation(ref("upsert")).upsert(write("a"))).value.stamp).toBe("stamped:a");
    const { first } = await twice(() =>
      ledger.operation(ref("upsert", { key: `stamp-${id}` })).upsert(write("b")),
    );
    expect(first).toMatchObject({ effect: "updated", value: { stamp: "stamped:b" } });
  });
}

function refusals({ test }: Cases): void {
  test("nothing to update is a mistake of the caller's", async (fixture) => {
    const op = ref("upsert");
    const write = { into: "users", values: { email: op.key }, conflict: ["email"] };
    expect(await ownError(fixture.createLedger().operation(op).upsert(write))).toBeInstanceOf(TypeError);
    expect(await users(fixture, op.key)).toHaveLength(0);
  });

  test("a CHECK violation on either path leaves nothing behind", async (fixture) => {
    const ledger = fixture.createLedger();
    const id = uniqueId();
    const op = ref("upsert");
    const write = (amount: number) => ({ into: "checked", values: { id, amount }, conflict: ["id"] });
    expect(fixture.violation(await ownError(ledger.operation(op).upsert(write(-1))))).toBe("check");
    await ledger.operation(ref("upsert")).upsert(write(5));
    expect(fixture.violation(await ownError(ledger.operation(op).upsert(write(-1))))).toBe("check");
    expect(await ledgerRows(fixture, op)).toBe(0);
    expect(await rowOf(fixture, "checked", id)).toMatchObject({ amount: 5 });
  });

  test("other values under the same key are a mismatch and change nothing", async (fixture) => {
    const ledger = fixture.createLedger();
    const op = ref("upsert");
    const write = (name: string) => ({ into: "users", values: { email: op.key, name }, conflict: ["email"] });
    await ledger.operation(op).upsert(write("a"));
    await refused(ledger.operation(op).upsert(write("b")), "OPLEDGER_FINGERPRINT_MISMATCH");
    expect(await users(fixture, op.key)).toMatchObject([{ name: "a" }]);
    expect(await count(fixture, "users", `email = ${literal(op.key)}`)).toBe(1);
  });
}
