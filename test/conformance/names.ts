import { expect } from "vitest";
import type { Row } from "../../src/index.js";
import { ref, twice, uniqueId } from "./helpers.js";
import { CLASH_TABLES, WEIRD } from "./tables.js";
import type { BoundWrites, Cases, Concern, Fixture } from "./target.js";

export const names: Concern = {
  name: "names",
  register: (cases) => {
    tables(cases);
    columns(cases);
  },
};

/** The number that each verb of {@link everyVerb} leaves, or that a delete removes. */
const LEFT: Readonly<Record<string, number>> = {
  ...{ insert: 1, "insert with conflict": 1, upsert: 2, update: 3, increment: 7 },
  ...{ "compare-and-set": 5, delete: 5 },
};

/** Every verb once on one table; the failures, so that one name does not hide another's. */
async function everyVerb(fixture: Fixture, table: string, names_: Names): Promise<string[]> {
  const id = uniqueId();
  const where = { [names_.id]: id };
  const ledger = fixture.createLedger();
  const wrong: string[] = [];
  const runs: Record<string, (bound: BoundWrites) => Promise<{ status: string; value: unknown }>> = {
    insert: (bound) => bound.insert({ into: table, values: { ...where, [names_.number]: 1 } }),
    "insert with conflict": (bound) =>
      bound.insert({ into: table, values: { ...where, [names_.number]: 9 }, conflict: [names_.id] }),
    upsert: (bound) =>
      bound.upsert({ into: table, values: { ...where, [names_.number]: 2 }, conflict: [names_.id] }),
    update: (bound) => bound.update({ table, where, set: { [names_.number]: 3 } }),
    increment: (bound) => bound.increment({ table, where, by: { [names_.number]: 4 } }),
    "compare-and-set": (bound) =>
      bound.update({ table, where, set: { [names_.number]: 5 }, version: 1, versionColumn: names_.version }),
    delete: (bound) => bound.delete({ from: table, where }),
  };
  await ledger
    .operation(ref("n"))
    .insert({ into: table, values: { ...where, [names_.version]: 1, [names_.number]: 0 } })
    .catch(() => {});
  await fixture.query(`DELETE FROM ${fixture.quote(table)} WHERE ${fixture.quote(names_.id)} = ${id}`);
  for (const [verb, run] of Object.entries(runs)) {
    if (verb === "compare-and-set") {
      await fixture.query(
        `UPDATE ${fixture.quote(table)} SET ${fixture.quote(names_.version)} = 1 WHERE ${fixture.quote(names_.id)} = ${id}`,
      );
    }
    const op = ref(verb);
    try {
      const { first } = await twice(() => run(ledger.operation(op)));
      expect(first.value).toMatchObject(where);
      expect(Number((first.value as Row)[names_.number])).toBe(LEFT[verb]);
    } catch (error) {
      wrong.push(`${table}: ${verb}: ${String(error).slice(0, 200)}`);
    }
  }
  return wrong;
}

interface Names {
  readonly id: string;
  readonly number: string;
  readonly version: string;
}

function tables({ test, target }: Cases): void {
  test("names that only quoting keeps whole", async (fixture) => {
    expect(await everyVerb(fixture, WEIRD.table, WEIRD)).toStrictEqual([]);
  });

  test("a table with its schema, and one in another schema", async (fixture) => {
    const id = uniqueId();
    const ledger = fixture.createLedger();
    const values = { id, n: 1 };
    const elsewhere = fixture.qualified("elsewhere");
    const made = await twice(() =>
      ledger.operation(ref("schema", { key: `s-${id}` })).insert({ into: elsewhere, values }),
    );
    expect(made.first.value).toStrictEqual(values);
    const up = { into: elsewhere, values: { id, n: 2 }, conflict: ["id"] };
    expect((await ledger.operation(ref("schema")).upsert(up)).value).toStrictEqual({ id, n: 2 });
    const here = { into: fixture.qualified("growing"), values: { id } };
    expect((await ledger.operation(ref("schema")).insert(here)).value).toMatchObject({ id, version: 1 });
  });

  test("tables named as parts of the ledger's own statements", async (fixture) => {
    const wrong: string[] = [];
    const names_ = { id: "id", number: "n", version: "version" };
    for (const table of CLASH_TABLES) wrong.push(...(await everyVerb(fixture, table, names_)));
    expect(wrong).toStrictEqual([]);
  });

  if (!target.capabilities.batches) return;
  test("batches on tables named as parts of the ledger's own statements", async (fixture) => {
    const wrong: string[] = [];
    const ledger = fixture.createLedger();
    for (const table of CLASH_TABLES) {
      const id = uniqueId();
      const insert = { ...ref("n"), into: table, values: { id, n: 0 } };
      const natural = { ...ref("n"), into: table, values: { id, n: 0 }, conflict: ["id"] };
      const increment = { ...ref("n"), table, where: { id }, by: { n: 1 } };
      for (const run of [
        () => ledger.insertMany([insert]),
        () => ledger.insertMany([natural]),
        () => ledger.incrementMany([increment]),
      ]) {
        const made = await run().catch((error: unknown) => [{ status: String(error).slice(0, 200) }]);
        if (made[0]?.status !== "executed") wrong.push(`${table}: ${made[0]?.status}`);
      }
    }
    expect(wrong).toStrictEqual([]);
  });
}

function columns({ test, target }: Cases): void {
  test("columns named as parts of the ledger's own statements", async (fixture) => {
    const wrong: string[] = [];
    for (const column of CLASH_TABLES) {
      wrong.push(
        ...(await everyVerb(fixture, `col_${column}`, { id: "id", number: column, version: "version" })),
      );
    }
    expect(wrong).toStrictEqual([]);
  });

  if (!target.capabilities.batches) return;
  test("batches with columns named as parts of the ledger's own statements", async (fixture) => {
    const wrong: string[] = [];
    const ledger = fixture.createLedger();
    for (const column of CLASH_TABLES) {
      const id = uniqueId();
      const insert = { ...ref("c"), into: `col_${column}`, values: { id, [column]: 1 } };
      const natural = { ...ref("c"), into: `col_${column}`, values: { id, [column]: 1 }, conflict: ["id"] };
      const increment = { ...ref("c"), table: `col_${column}`, where: { id }, by: { [column]: 4 } };
      for (const run of [
        () => ledger.insertMany([insert]),
        () => ledger.insertMany([natural]),
        () => ledger.incrementMany([increment]),
      ]) {
        const made = await run().catch((error: unknown) => [{ status: String(error).slice(0, 200) }]);
        if (made[0]?.status !== "executed") wrong.push(`${column}: ${made[0]?.status}`);
      }
      const [row] = await fixture.query(
        `SELECT ${fixture.quote(column)} AS n FROM ${fixture.quote(`col_${column}`)} WHERE id = ${id}`,
      );
      if (Number(row?.n) !== 5) wrong.push(`${column}: ${row?.n}, not 1 + 4`);
    }
    expect(wrong).toStrictEqual([]);
  });
}
