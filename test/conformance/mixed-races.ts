import { afterAll, beforeAll, describe, expect } from "vitest";
import { type IsolationLevel, type OperationRef, OpledgerError } from "../../src/index.js";
import {
  account,
  addEffect,
  count,
  effects,
  ledgerRows,
  literal,
  pauseMs,
  ref,
  rowOf,
  unique,
} from "./helpers.js";
import { Crowd, DUPLICATES } from "./races.js";
import type { Cases, Concern, Fixture } from "./target.js";

/** Twenty writers of one row under serializable isolation need more tries than a caller would. */
const PATIENT = { backoff: { attemptsMax: 60, capMs: 200 }, waitMs: 30_000 };

export const mixedRaces: Concern = {
  name: "different operations race",
  register: (cases) => {
    for (const isolation of cases.target.capabilities.isolationLevels) {
      describe(isolation, () => {
        const crowd = new Crowd();
        beforeAll(() => crowd.open(cases.fixture(), isolation));
        afterAll(() => crowd.close());
        oneRow(cases, crowd);
        naturalKeys(cases, crowd);
        works(cases, crowd, isolation);
        if (cases.target.capabilities.batches) batches(cases, crowd);
        else cases.skip("batches", "this client × engine has no batches");
      });
    }
  },
};

const balance = async (fixture: Fixture, id: number) =>
  Number((await rowOf(fixture, "accounts", id))?.balance);

async function ledgered(fixture: Fixture, ops: readonly OperationRef[]): Promise<number> {
  const rows = await Promise.all(ops.map((op) => ledgerRows(fixture, op)));
  return rows.reduce((sum, n) => sum + n, 0);
}

function oneRow({ test }: Cases, crowd: Crowd): void {
  test("increments of one row: the sum is exact", async (fixture) => {
    const id = await account(fixture, 0);
    const ops = Array.from({ length: 2 * DUPLICATES }, () => ref("sum"));
    const ledgers = crowd.ledgers(PATIENT);
    const made = await Promise.all(
      ops.map((op, index) => {
        const write = { table: "accounts", where: { id }, by: { balance: index + 1 } };
        return at(ledgers, index).operation(op).increment(write);
      }),
    );
    expect(new Set(made.map(({ status }) => status))).toStrictEqual(new Set(["executed"]));
    expect(await balance(fixture, id)).toBe((ops.length * (ops.length + 1)) / 2);
    expect(new Set(made.map(({ value }) => Number(value.balance))).size).toBe(ops.length);
    expect(await ledgered(fixture, ops)).toBe(ops.length);
  });

  test("compare-and-set on one version: the row's version moved by as many as were applied", async (fixture) => {
    const id = await account(fixture, 0, 1);
    const ops = Array.from({ length: DUPLICATES }, () => ref("cas"));
    const ledgers = crowd.ledgers(PATIENT);
    let applied = 0;
    const losses: unknown[] = [];
    await Promise.all(
      ops.map(async (op, index) => {
        const write = { table: "accounts", where: { id }, version: 1 + (index % 3), set: { status: op.key } };
        try {
          await at(ledgers, index).operation(op).update(write);
          applied += 1;
        } catch (error) {
          losses.push(error instanceof OpledgerError ? error.code : error);
        }
      }),
    );
    expect(new Set(losses)).toStrictEqual(new Set(["OPLEDGER_VERSION_CONFLICT"]));
    expect(applied).toBeGreaterThan(0);
    expect(Number((await rowOf(fixture, "accounts", id))?.version) - 1).toBe(applied);
    expect(await ledgered(fixture, ops)).toBe(applied);
  });

  test("deletes of one row: one removes it, the others find nothing", async (fixture) => {
    const id = unique("gone");
    await fixture.query(`INSERT INTO watched (id) VALUES (${literal(id)})`);
    const made = await Promise.all(
      crowd
        .ledgers(PATIENT)
        .map((ledger) => ledger.operation(ref("gone")).delete({ from: "watched", where: { id } })),
    );
    expect(made.filter(({ effect }) => effect === "deleted")).toHaveLength(1);
    expect(made.filter(({ effect, value }) => effect === "unchanged" && value === null)).toHaveLength(
      DUPLICATES - 1,
    );
    expect(await count(fixture, "watched_log", `id = ${literal(id)}`)).toBe(1);
  });
}

function naturalKeys({ test }: Cases, crowd: Crowd): void {
  test("inserts of one natural key: one row, and every other comes back unchanged", async (fixture) => {
    const email = unique("natural");
    const ops = Array.from({ length: DUPLICATES }, () => ref("natural"));
    const ledgers = crowd.ledgers(PATIENT);
    const write = { into: "users", values: { email, name: "n" }, conflict: ["email"] };
    const made = await Promise.all(ops.map((op, index) => at(ledgers, index).operation(op).insert(write)));
    expect(made.filter(({ effect }) => effect === "inserted")).toHaveLength(1);
    expect(made.filter(({ effect }) => effect === "unchanged")).toHaveLength(DUPLICATES - 1);
    expect(new Set(made.map(({ value }) => value.id)).size).toBe(1);
    expect(await count(fixture, "users", `email = ${literal(email)}`)).toBe(1);
    expect(await ledgered(fixture, ops)).toBe(DUPLICATES);
  });

  test("upserts of one row: one inserts, the others update", async (fixture) => {
    const id = unique("upserted");
    const ops = Array.from({ length: DUPLICATES }, () => ref("upsert"));
    const ledgers = crowd.ledgers(PATIENT);
    const write = (n: number) => ({ into: "watched", values: { id, n }, conflict: ["id"] });
    const made = await Promise.all(
      ops.map((op, index) => at(ledgers, index).operation(op).upsert(write(index))),
    );
    expect(made.filter(({ effect }) => effect === "inserted")).toHaveLength(1);
    expect(made.filter(({ effect }) => effect === "updated")).toHaveLength(DUPLICATES - 1);
    expect(await rowOf(fixture, "watched", id)).toMatchObject({ writes: DUPLICATES });
  });

  test("an insert without conflict: one row, one execution, and the others' own violation", async (fixture) => {
    const email = unique("natural");
    const ops = Array.from({ length: DUPLICATES }, () => ref("natural"));
    const ledgers = crowd.ledgers(PATIENT);
    const write = { into: "users", values: { email } };
    const made = await Promise.allSettled(
      ops.map((op, index) => at(ledgers, index).operation(op).insert(write)),
    );
    expect(made.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const each of made)
      if (each.status === "rejected") expect(fixture.violation(each.reason)).toBe("unique");
    expect(await ledgered(fixture, ops)).toBe(1);
  });

  test("one key, two payloads: one of them wins, and nobody gets the other's result", async (fixture) => {
    const op = ref("payloads");
    const made = await Promise.allSettled(
      crowd.ledgers(PATIENT).map((ledger, index) => {
        const payload = index % 2;
        return ledger.once({ ...op, payload }, async (tx) => {
          await tx.query(addEffect(op.key));
          return payload;
        });
      }),
    );
    const winner = made.find((each) => each.status === "fulfilled")?.value.value;
    made.forEach((each, index) => {
      if (index % 2 === winner) expect(each).toMatchObject({ status: "fulfilled", value: { value: winner } });
      else
        expect(each).toMatchObject({ status: "rejected", reason: { code: "OPLEDGER_FINGERPRINT_MISMATCH" } });
    });
    expect(await effects(fixture, op.key)).toBe(1);
  });

  test("an expired key: one takes it over, and every other replays", async (fixture) => {
    const [op, bound] = [ref("expired"), ref("expired")];
    const write = { into: "entries", values: { tag: bound.key } };
    const [first] = crowd.ledgers({ ...PATIENT, retentionMs: 1 });
    await first?.once(op, () => "old");
    await first?.operation(bound).insert(write);
    await pauseMs(20);
    const ledgers = crowd.ledgers(PATIENT);
    const made = await Promise.all(
      ledgers.map((ledger) => ledger.once(op, (tx) => tx.query(addEffect(op.key)))),
    );
    expect(made.filter(({ status }) => status === "executed")).toHaveLength(1);
    expect(await effects(fixture, op.key)).toBe(1);
    const inserted = await Promise.all(ledgers.map((ledger) => ledger.operation(bound).insert(write)));
    expect(inserted.filter(({ status }) => status === "executed")).toHaveLength(1);
    expect(await count(fixture, "entries", `tag = ${literal(bound.key)}`)).toBe(2);
  });
}

function works({ test, target }: Cases, crowd: Crowd, isolation: IsolationLevel): void {
  test("works that lock rows in opposite orders: deadlocks are retried whole", async (fixture) => {
    const [one, two] = [await account(fixture, 0), await account(fixture, 0)];
    const ops = Array.from({ length: 6 }, () => ref("opposite"));
    const ledgers = crowd.ledgers(PATIENT);
    const add = (id: number) => `UPDATE accounts SET balance = balance + 1 WHERE id = ${id}`;
    await Promise.all(
      ops.map((op, index) =>
        at(ledgers, index).once(op, async (tx) => {
          await tx.query(add(index % 2 === 0 ? one : two));
          await pauseMs(20);
          await tx.query(add(index % 2 === 0 ? two : one));
        }),
      ),
    );
    expect([await balance(fixture, one), await balance(fixture, two)]).toStrictEqual([6, 6]);
    expect(await ledgered(fixture, ops)).toBe(6);
  });

  test(`read-modify-write in works at ${isolation}: no acknowledged effect is lost from the ledger`, async (fixture) => {
    const id = await account(fixture, 0);
    const ops = Array.from({ length: 10 }, () => ref("write skew"));
    const ledgers = crowd.ledgers(PATIENT);
    await Promise.all(
      ops.map((op, index) =>
        at(ledgers, index).once(op, async (tx) => {
          const [row] = await tx.query(`SELECT balance FROM accounts WHERE id = ${id}`);
          await tx.query(`UPDATE accounts SET balance = ${Number(row?.balance) + 1} WHERE id = ${id}`);
          await tx.query(addEffect(`skew-${id}`));
        }),
      ),
    );
    expect(await effects(fixture, `skew-${id}`)).toBe(10);
    expect(await ledgered(fixture, ops)).toBe(10);
    const kept = isolation === "serializable" || target.capabilities.refusesLostUpdates;
    if (isolation !== "read committed" && kept) expect(await balance(fixture, id)).toBe(10);
  });
}

function batches({ test }: Cases, crowd: Crowd): void {
  test("batches of increments in opposite orders neither deadlock out nor lose", async (fixture) => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => account(fixture, 0)));
    await Promise.all(
      crowd.ledgers(PATIENT).map((ledger, index) => {
        const order = index % 2 === 0 ? ids : [...ids].reverse();
        return ledger.incrementMany(
          order.map((id) => ({ ...ref("sum"), table: "accounts", where: { id }, by: { balance: 1 } })),
        );
      }),
    );
    for (const id of ids) expect(await balance(fixture, id)).toBe(DUPLICATES);
  });

  test("batches that share operations, in any order: each operation executes once", async (fixture) => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => account(fixture, 0)));
    const ops = ids.map((id) => ({ ...ref("shared"), table: "accounts", where: { id }, by: { balance: 1 } }));
    const windows = crowd.ledgers(PATIENT).map((ledger, index) => {
      const some = [...ops.slice(index % 10), ...ops.slice(0, index % 10)].slice(0, 5);
      return ledger.incrementMany(index % 2 === 0 ? some : some.reverse());
    });
    const outcomes = (await Promise.all(windows)).flat();
    expect(outcomes.filter(({ status }) => status === "refused")).toStrictEqual([]);
    expect(outcomes.filter(({ status }) => status === "executed")).toHaveLength(ids.length);
    for (const id of ids) expect(await balance(fixture, id)).toBe(1);
    expect(await ledgered(fixture, ops)).toBe(ids.length);
  });

  test("batches and single writes that share operations: each executes once", async (fixture) => {
    const tag = unique("shared");
    const ops = Array.from({ length: 10 }, () => ref("shared"));
    const insert = (op: OperationRef) => ({ ...op, into: "entries", values: { tag, note: op.key } });
    const ledgers = crowd.ledgers(PATIENT);
    const runs = ledgers.map(async (ledger, index) => {
      if (index % 2 === 0)
        return ledger.insertMany([...ops.slice(index % 10), ...ops.slice(0, index % 10)].map(insert));
      const op = at(ops, index % 10);
      return [await ledger.operation(op).insert({ into: "entries", values: { tag, note: op.key } })];
    });
    const outcomes = (await Promise.all(runs)).flat();
    expect(outcomes.filter(({ status }) => status === "executed")).toHaveLength(ops.length);
    expect(await count(fixture, "entries", `tag = ${literal(tag)}`)).toBe(ops.length);
  });

  test("batches of one natural key: one row, whichever batch had it first", async (fixture) => {
    const stem = unique("natural");
    const emails = Array.from({ length: 5 }, (_, index) => `${stem}-${index}`);
    const write = (email: string) => ({
      ...ref("natural"),
      into: "users",
      values: { email, name: "n" },
      conflict: ["email"],
    });
    const outcomes = await Promise.all(
      crowd.ledgers(PATIENT).map((ledger, index) => {
        const batch = emails.map(write);
        return ledger.insertMany(index % 2 === 0 ? batch : batch.reverse());
      }),
    );
    const flat = outcomes
      .flat()
      .map((outcome) => (outcome.status === "refused" ? String(outcome.error) : outcome.effect));
    expect(flat.filter((effect) => effect === "inserted")).toHaveLength(emails.length);
    expect(flat.filter((effect) => effect === "unchanged")).toHaveLength(emails.length * (DUPLICATES - 1));
    expect(await count(fixture, "users", `email LIKE ${literal(`${stem}%`)}`)).toBe(emails.length);
  });
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) throw new Error("an empty list");
  return found;
}
