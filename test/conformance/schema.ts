import { expect } from "vitest";
import type { OperationRef } from "../../src/index.js";
import { account, crowdedTest, ref, refused, twice, unique, uniqueId } from "./helpers.js";
import type { Cases, Concern, TestLedger } from "./target.js";

export const schema: Concern = {
  name: "schema",
  register: (cases) => {
    missing(cases);
    changing(cases);
  },
};

/** A key that carries no time, which a ledger in partitions refuses. */
const opaque = (): OperationRef => ref("schema", { key: unique() });

/** Every way to reach the ledger's table, each under a key that carries no time. */
export const CALLS: Readonly<Record<string, (ledger: TestLedger, id: number) => Promise<unknown>>> = {
  once: (ledger) => ledger.once(opaque(), () => 1),
  insert: (ledger) => ledger.operation(opaque()).insert({ into: "entries", values: { tag: "no ledger" } }),
  upsert: (ledger, id) =>
    ledger
      .operation(opaque())
      .upsert({ into: "stamped", values: { id, name: "no ledger" }, conflict: ["id"] }),
  update: (ledger, id) =>
    ledger.operation(opaque()).update({ table: "accounts", where: { id }, set: { status: "x" } }),
  increment: (ledger, id) =>
    ledger.operation(opaque()).increment({ table: "accounts", where: { id }, by: { balance: 1 } }),
  delete: (ledger, id) => ledger.operation(opaque()).delete({ from: "accounts", where: { id } }),
  insertMany: (ledger) => ledger.insertMany([{ ...opaque(), into: "entries", values: { tag: "no ledger" } }]),
  incrementMany: (ledger, id) =>
    ledger.incrementMany([{ ...opaque(), table: "accounts", where: { id }, by: { balance: 1 } }]),
  sweep: (ledger) => ledger.sweep(),
  inspect: (ledger) => ledger.inspect(opaque()),
};

function missing({ test, target }: Cases): void {
  for (const [what, call] of Object.entries(CALLS)) {
    test(`a ledger that is missing: ${what} says which command to run`, async (fixture) => {
      const id = await account(fixture);
      const ledger = fixture.createLedger({ table: unique("absent") });
      const error = await refused(call(ledger, id), "OPLEDGER_LEDGER_SCHEMA");
      expect(error.message).toMatch(/npx opledger migrate /);
      expect(error.retryable).toBe(false);
      expect(error.cause).toBeDefined();
    });
  }

  test("a ledger that is outdated: every call says which command to run", async (fixture) => {
    const table = unique("outdated");
    await fixture.createOutdatedLedger(table);
    const wrong: string[] = [];
    for (const what of ["once", "insert", "increment", "insertMany", "inspect"]) {
      const id = await account(fixture);
      const outcome = await CALLS[what]?.(fixture.createLedger({ table }), id).then(
        () => "executed",
        (error: { code?: unknown }) => `${String(error.code)} ${String(error).slice(0, 100)}`,
      );
      if (!String(outcome).startsWith("OPLEDGER_LEDGER_SCHEMA")) wrong.push(`${what}: ${outcome}`);
    }
    expect(wrong).toStrictEqual([]);
  });

  if (!target.capabilities.within) return;
  test("a ledger that is missing, inside the caller's transaction, which stays usable", async (fixture) => {
    const tx = await fixture.begin();
    await refused(
      tx.ledger({ table: unique("absent") }).once(ref("schema"), () => 1),
      "OPLEDGER_LEDGER_SCHEMA",
    );
    expect(await tx.query("SELECT 1 AS one")).toHaveLength(1);
    await tx.rollback();
  });
}

function changing(cases: Cases): void {
  const { test, target } = cases;
  const crowded = crowdedTest(cases);
  test("a column added between two runs breaks neither prepared statements nor replays", async (fixture) => {
    const ledger = fixture.createLedger();
    const id = uniqueId();
    const calls = Array.from({ length: 3 }, () => ref("growing"));
    const run = (op: (typeof calls)[number]) =>
      ledger.operation(op).upsert({ into: "growing", values: { id, n: 1 }, conflict: ["id"] });
    const [one, two, three] = calls as [(typeof calls)[0], (typeof calls)[0], (typeof calls)[0]];
    const first = await run(one);
    await fixture.query("ALTER TABLE growing ADD COLUMN added_one int DEFAULT 7");
    const replay = await run(one);
    expect(replay).toMatchObject({ ...first, status: "replayed" });
    expect((await run(two)).value).toMatchObject({ added_one: 7 });
    await fixture.query("ALTER TABLE growing ADD COLUMN added_two int");
    expect((await run(three)).status).toBe("executed");
    const limited = ref("growing");
    await twice(() =>
      ledger.operation(limited).update({ table: "growing", where: { id }, set: { n: 2 }, returning: ["n"] }),
    );
  });

  test("many connections at once survive a column that was added", async (fixture) => {
    const ledger = fixture.createLedger();
    const burst = () => {
      const id = uniqueId();
      return ledger.operation(ref("burst")).insert({ into: "growing", values: { id } });
    };
    await Promise.all(Array.from({ length: 10 }, burst));
    await fixture.query("ALTER TABLE growing ADD COLUMN added_three int DEFAULT 3");
    const made = await Promise.all(Array.from({ length: 10 }, burst));
    expect(made.map(({ value }) => value.added_three)).toStrictEqual(Array.from({ length: 10 }, () => 3));
  });

  if (!target.capabilities.within) return;
  crowded("a column added between two joined writes on one connection", async (fixture) => {
    const session = await fixture.begin();
    const ledger = session.ledger();
    const run = () => ledger.operation(ref("joined")).insert({ into: "growing", values: { id: uniqueId() } });
    await run();
    await session.query("COMMIT");
    await fixture.query("ALTER TABLE growing ADD COLUMN added_four int DEFAULT 4");
    await session.query("BEGIN");
    expect((await run()).value).toMatchObject({ added_four: 4 });
    await session.commit();
  });
}
