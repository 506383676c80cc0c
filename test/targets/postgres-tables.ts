import { expect } from "vitest";
import { replays } from "../conformance/batch.js";
import { count, ledgerRows, ownError, ref, thrown, twice, unique, uniqueId } from "../conformance/helpers.js";
import type { Cases } from "../conformance/target.js";
import { pgTest } from "./postgres-case.js";

export function tables(cases: Cases): void {
  domains(cases);
  triggers(cases);
  constraints(cases);
  kinds(cases);
}

function domains(cases: Cases): void {
  const create = (table: string): string =>
    `CREATE TABLE ${table} (id int PRIMARY KEY, title mandatory, amount positive, n int DEFAULT 0)`;

  pgTest(cases, "a domain that is NOT NULL: whole rows", async (fixture) => {
    const table = `domain_${uniqueId()}`;
    await fixture.query(create(table));
    const ledger = fixture.createLedger();
    const values = { id: 1, title: "t", amount: 5 };
    const { first } = await twice(() =>
      ledger.operation(ref("d", { key: table })).insert({ into: table, values }),
    );
    expect(first.value).toStrictEqual({ ...values, n: 0 });
    const bad = ledger.operation(ref("d")).insert({ into: table, values: { id: 2, title: "t", amount: -5 } });
    expect(fixture.violation(await ownError(bad))).toBe("check");
  });

  pgTest(cases, "a domain that is NOT NULL: delete of nothing", async (fixture) => {
    const table = `domain_${uniqueId()}`;
    await fixture.query(create(table));
    const op = ref("domain");
    const remove = () =>
      fixture
        .createLedger()
        .operation(op)
        .delete({ from: table, where: { id: 9 } });
    expect((await twice(remove)).first).toMatchObject({ effect: "unchanged", value: null });
  });

  pgTest(
    cases,
    "a domain that is NOT NULL: a row stored without it is refused, and leaves nothing",
    async (fixture) => {
      const table = `domain_${uniqueId()}`;
      await fixture.query(create(table));
      const ledger = fixture.createLedger();
      const op = ref("domain");
      const write = { into: table, values: { id: 1, title: "t", amount: 5 }, returning: ["id"] };
      expect(await ownError(ledger.operation(op).insert(write))).toMatchObject({ code: "23502" });
      expect([await count(fixture, table, "true"), await ledgerRows(fixture, op)]).toStrictEqual([0, 0]);
    },
  );
}

function triggers(cases: Cases): void {
  const create = (table: string): string => `
    CREATE TABLE ${table} (id int GENERATED ALWAYS AS IDENTITY, note text);
    CREATE FUNCTION ${table}() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF NEW.note LIKE 'skip%' THEN RETURN NULL; END IF; RETURN NEW; END $$;
    CREATE TRIGGER ${table} BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}()`;

  pgTest(cases, "a trigger that suppresses an insert: nothing recorded, nothing doubled", async (fixture) => {
    const table = `picky_${uniqueId()}`;
    await fixture.query(create(table));
    const op = ref("picky");
    const attempt = fixture
      .createLedger()
      .operation(op)
      .insert({ into: table, values: { note: "skip" } });
    await expect(attempt).rejects.toMatchObject({ code: "OPLEDGER_ROLLED_BACK" });
    expect([await count(fixture, table, "true"), await ledgerRows(fixture, op)]).toStrictEqual([0, 0]);
  });

  pgTest(
    cases,
    "a trigger that suppresses some rows of a batch: each other row once, under its own key",
    async (fixture) => {
      const table = `picky_${uniqueId()}`;
      await fixture.query(create(table));
      const notes = ["a", "skip-b", "c", "skip-d", "e"];
      const batch = notes.map((note) => ({ ...ref("picky"), into: table, values: { note } }));
      const made = await fixture
        .createLedger()
        .insertMany(batch)
        .catch(() => []);
      for (const [index, outcome] of made.entries()) {
        if (outcome.status !== "refused") expect(outcome.value).toMatchObject({ note: notes[index] });
      }
      for (const note of ["a", "c", "e"])
        expect(await count(fixture, table, `note = '${note}'`)).toBeLessThanOrEqual(1);
      const recorded = await Promise.all(batch.map((op) => ledgerRows(fixture, op)));
      const rows = await count(fixture, table, "true");
      expect(recorded.reduce((sum, n) => sum + n, 0)).toBe(rows);
    },
  );

  pgTest(cases, "a trigger that suppresses an update: refused, not recorded", async (fixture) => {
    const table = `frozen_${uniqueId()}`;
    await fixture.query(`
      CREATE TABLE ${table} (id int PRIMARY KEY, n int);
      CREATE FUNCTION ${table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE TRIGGER ${table} BEFORE UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}();
      INSERT INTO ${table} VALUES (1, 0)`);
    const ledger = fixture.createLedger();
    const ops = [ref("frozen"), ref("frozen"), ref("frozen")] as const;
    for (const attempt of [
      () => ledger.operation(ops[0]).update({ table, where: { id: 1 }, set: { n: 1 } }),
      () => ledger.operation(ops[1]).delete({ from: table, where: { id: 1 } }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: "OPLEDGER_ROLLED_BACK" });
    }
    const batched = await ledger
      .incrementMany([{ ...ops[2], table, where: { id: 1 }, by: { n: 1 } }])
      .catch(() => [{ status: "refused" }]);
    expect(batched).toMatchObject([{ status: "refused" }]);
    for (const op of ops) expect(await ledgerRows(fixture, op)).toBe(0);
  });

  pgTest(
    cases,
    "a trigger that changes what a batch increments: the batch is refused, a single increment is not",
    async (fixture) => {
      const table = `capped_${uniqueId()}`;
      await fixture.query(`
      CREATE TABLE ${table} (id int PRIMARY KEY, n int);
      CREATE FUNCTION ${table}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.n = least(NEW.n, 10); RETURN NEW; END $$;
      CREATE TRIGGER ${table} BEFORE UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}();
      INSERT INTO ${table} VALUES (1, 9)`);
      const ledger = fixture.createLedger();
      const single = await ledger
        .operation(ref("capped"))
        .increment({ table, where: { id: 1 }, by: { n: 5 } });
      expect(single.value).toMatchObject({ n: 10 });
      const op = ref("capped");
      const batch = ledger.incrementMany([{ ...op, table, where: { id: 1 }, by: { n: 5 } }]);
      expect(await thrown(batch)).toBeInstanceOf(TypeError);
      expect(await ledgerRows(fixture, op)).toBe(0);
    },
  );
}

function constraints(cases: Cases): void {
  pgTest(cases, "a deferred unique violation is the caller's own, and leaves nothing", async (fixture) => {
    const table = `deferred_${uniqueId()}`;
    await fixture.query(`CREATE TABLE ${table} (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)`);
    await fixture.query(`INSERT INTO ${table} VALUES (1)`);
    const [op, bound] = [ref("deferred"), ref("deferred")];
    const ledger = fixture.createLedger();
    const work = ledger.once(op, (tx) => tx.query(`INSERT INTO ${table} VALUES (1)`));
    expect(fixture.violation(await ownError(work))).toBe("unique");
    const write = ledger.operation(bound).insert({ into: table, values: { n: 1 } });
    expect(fixture.violation(await ownError(write))).toBe("unique");
    expect([await ledgerRows(fixture, op), await ledgerRows(fixture, bound)]).toStrictEqual([0, 0]);
    expect(await count(fixture, table, "true")).toBe(1);
  });

  pgTest(cases, "a natural key under a case-insensitive collation", async (fixture) => {
    const table = `folded_${uniqueId()}`;
    const collation = `ci_${table}`;
    await fixture.query(
      `CREATE COLLATION ${collation} (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
    );
    await fixture.query(`CREATE TABLE ${table} (id serial, email text COLLATE ${collation} UNIQUE)`);
    const ledger = fixture.createLedger();
    const write = (email: string) => ({ into: table, values: { email }, conflict: ["email"] });
    const first = await ledger.operation(ref("ci")).insert(write("Me@X"));
    const second = await ledger.operation(ref("ci")).insert(write("me@x"));
    expect(second).toStrictEqual({ ...first, effect: "unchanged" });
    const made = await ledger.insertMany(
      ["ME@x", "you@x", "YOU@X"].map((email) => ({ ...ref("ci"), ...write(email) })),
    );
    expect(made.map((outcome) => outcome.status !== "refused" && outcome.effect)).toStrictEqual([
      "unchanged",
      "inserted",
      "unchanged",
    ]);
  });

  pgTest(cases, "GENERATED ALWAYS identity: giving it a value is the caller's own error", async (fixture) => {
    const op = ref("identity");
    const ledger = fixture.createLedger();
    expect(await ownError(ledger.operation(op).insert({ into: "entries", values: { id: 5 } }))).toMatchObject(
      { code: "428C9" },
    );
    expect(await ledgerRows(fixture, op)).toBe(0);
  });

  pgTest(cases, "a row that a foreign key holds is not deleted, and nothing is recorded", async (fixture) => {
    const table = `child_${uniqueId()}`;
    const id = uniqueId();
    await fixture.query(`CREATE TABLE ${table} (cart int REFERENCES carts)`);
    await fixture.query(`INSERT INTO carts VALUES (${id}); INSERT INTO ${table} VALUES (${id})`);
    const op = ref("fk");
    expect(
      await ownError(fixture.createLedger().operation(op).delete({ from: "carts", where: { id } })),
    ).toMatchObject({
      code: "23503",
    });
    expect(await ledgerRows(fixture, op)).toBe(0);
    await fixture.query(`DROP TABLE ${table}`);
  });
}

function kinds(cases: Cases): void {
  pgTest(cases, "a view that can be updated", async (fixture) => {
    const view = `view_${uniqueId()}`;
    const id = uniqueId();
    await fixture.query(`CREATE VIEW ${view} AS SELECT id, n FROM growing`);
    const ledger = fixture.createLedger();
    await twice(() => ledger.operation(ref("v", { key: view })).insert({ into: view, values: { id, n: 1 } }));
    const up = await ledger.operation(ref("v")).increment({ table: view, where: { id }, by: { n: 2 } });
    expect(Number(up.value.n)).toBe(3);
  });

  pgTest(cases, "a type whose JSON is not its input: refused, and nothing is left", async (fixture) => {
    const table = `cast_${uniqueId()}`;
    await fixture.query(
      `CREATE EXTENSION IF NOT EXISTS hstore; CREATE TABLE ${table} (id int PRIMARY KEY, tags hstore)`,
    );
    const ledger = fixture.createLedger();
    const values = { id: 1, tags: '"a"=>"1", "b"=>NULL' };
    const op = ref("c");
    await ownError(ledger.operation(op).insert({ into: table, values }));
    expect([await count(fixture, table, "true"), await ledgerRows(fixture, op)]).toStrictEqual([0, 0]);
  });

  pgTest(cases, "a table with a dropped column", async (fixture) => {
    const table = `altered_${unique("t").replaceAll("-", "_")}`;
    await fixture.query(
      `CREATE TABLE ${table} (gone int, id int PRIMARY KEY, n int); ALTER TABLE ${table} DROP COLUMN gone`,
    );
    const ledger = fixture.createLedger();
    const insert = (id: number) => ({ into: table, values: { id, n: 1 } });
    const batch = [1, 2].map((id) => ({ ...ref("alter"), ...insert(id) }));
    const first = await ledger.insertMany(batch);
    expect(await ledger.insertMany(batch)).toStrictEqual(replays(first));
    const op = ref("alter");
    const { first: single } = await twice(() => ledger.operation(op).insert(insert(3)));
    expect(single.value).toStrictEqual({ id: 3, n: 1 });
  });

  pgTest(cases, "a column whose type was widened between two runs", async (fixture) => {
    const table = `widened_${uniqueId()}`;
    await fixture.query(`CREATE TABLE ${table} (id int PRIMARY KEY, n int)`);
    const ledger = fixture.createLedger();
    const run = (id: number) =>
      ledger.operation(ref("widen", { key: `${table}-${id}` })).insert({ into: table, values: { id, n: 7 } });
    await run(1);
    await fixture.query(`ALTER TABLE ${table} ALTER COLUMN n TYPE int8`);
    expect(await run(1)).toMatchObject({ status: "replayed", value: { n: "7" } });
    expect(await run(2)).toMatchObject({ status: "executed", value: { n: "7" } });
  });

  pgTest(cases, "a virtual generated column, where the server has them", async (fixture) => {
    const [version] = await fixture.query("SELECT current_setting('server_version_num')::int AS n");
    const kind = Number(version?.n) >= 180_000 ? "VIRTUAL" : "STORED";
    const table = `virtual_${uniqueId()}`;
    await fixture.query(
      `CREATE TABLE ${table} (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) ${kind})`,
    );
    const ledger = fixture.createLedger();
    const op = ref("virtual");
    const { first } = await twice(() => ledger.operation(op).insert({ into: table, values: { id: 4 } }));
    expect(first.value).toStrictEqual({ id: 4, twice: 8 });
    const made = await ledger.insertMany([{ ...ref("virtual"), into: table, values: { id: 5 } }]);
    expect(made).toMatchObject([{ value: { id: 5, twice: 10 } }]);
  });
}
