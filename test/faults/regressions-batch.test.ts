import { afterAll, beforeAll, expect, it } from "vitest";
import { settle } from "./check.js";
import { tallyOf } from "./figures.js";
import { end, type Lab, openLab } from "./lab.js";

tallyOf("regressions-batch");
let lab: Lab;
beforeAll(async () => {
  lab = await openLab();
});
afterAll(() => lab?.close());

async function number(statement: string): Promise<number> {
  return Number((await lab.witness.query(statement))[0]?.value);
}

/** Rows written and ledger rows kept for one operation: equal, or I3 is broken. */
async function kept(ref: { operation: string; key: string }): Promise<number> {
  return (await lab.witness.stored(ref.operation, ref.key)).length;
}

it("insertMany: a natural key that is null leaves no row without its ledger row", async () => {
  const ref = lab.key();
  const values = { n: 1, email: null, name: "Ada" };
  const ended = await settle(
    lab.open().ledger.insertMany([{ ...ref, into: "people", values, conflict: ["email"] }]),
  );
  const rows = await number("select count(*) as value from people where n = 1");
  expect({ ended: end(ended), rows, kept: await kept(ref) }).toEqual({
    ended: expect.any(String),
    rows: await kept(ref),
    kept: expect.any(Number),
  });
});

it("insertMany: a natural key that a trigger rewrites leaves no row without its ledger row", async () => {
  await lab.witness.query(`
    create table mails (n int, email text unique);
    create function lower_email() returns trigger language plpgsql as $$
      begin NEW.email := lower(NEW.email); return NEW; end $$;
    create trigger lower_email before insert on mails for each row execute function lower_email()`);
  const ref = lab.key();
  const values = { n: 1, email: "ADA" };
  await settle(lab.open().ledger.insertMany([{ ...ref, into: "mails", values, conflict: ["email"] }]));
  expect(await number("select count(*) as value from mails")).toBe(await kept(ref));
});

it("insertMany: a trigger that suppresses one row neither repeats nor exchanges the others", async () => {
  await lab.witness.query(`
    create table choosy (id int);
    create function choose() returns trigger language plpgsql as $$
      begin if NEW.id % 8 = 2 then return null; end if; return NEW; end $$;
    create trigger choose before insert on choosy for each row execute function choose()`);
  for (let batch = 0; batch < 3; batch++) {
    const inserts = Array.from({ length: 8 }, (_, k) => ({
      ...lab.key(),
      into: "choosy",
      values: { id: batch * 8 + k },
    }));
    await settle(lab.open().ledger.insertMany(inserts));
    for (const { operation, key, values } of inserts) {
      const [row] = await lab.witness.stored(operation, key);
      const told = row === undefined ? "none" : row.result.toString("utf8", 2);
      const rows = await number(`select count(*) as value from choosy where id = ${values.id}`);
      expect({ id: values.id, told, rows }).toEqual(
        rows === 0
          ? { id: values.id, told: "none", rows: 0 }
          : { id: values.id, told: `{"id":${values.id}}`, rows: 1 },
      );
    }
  }
});

it("incrementMany: a trigger that suppresses the update leaves no ledger row", async () => {
  await lab.witness.query(`
    create table stuck (id int primary key, value int);
    insert into stuck values (1, 0);
    create function suppress() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger suppress before update on stuck for each row execute function suppress()`);
  const ref = lab.key();
  const ended = await settle(
    lab.open().ledger.incrementMany([{ ...ref, table: "stuck", where: { id: 1 }, by: { value: 5 } }]),
  );
  expect(await number("select value from stuck")).toBe(0);
  expect([end(ended), await kept(ref)]).toEqual([expect.any(String), 0]);
});

it("incrementMany: `where` that matches two rows is refused as a single increment's is", async () => {
  await lab.witness.query("create table twins (id int, value int); insert into twins values (1, 0), (1, 0)");
  const write = { table: "twins", where: { id: 1 }, by: { value: 1 } };
  const { ledger } = lab.open();
  expect(end(await settle(ledger.operation(lab.key()).increment(write)))).toContain("TypeError");
  expect(end(await settle(ledger.incrementMany([{ ...lab.key(), ...write }])))).toContain("TypeError");
});

it("a column whose domain refuses null: whole rows work, and a row stored without it is refused", async () => {
  await lab.witness.query(`
    create domain filled as text not null;
    create table strict (id int primary key, word filled, value int);
    insert into strict values (1, 'x', 0)`);
  const { ledger } = lab.open();
  const write = { table: "strict", by: { value: 1 } };
  const whole = await settle(ledger.operation(lab.key()).increment({ ...write, where: { id: 1 } }));
  const some = await settle(
    ledger.operation(lab.key()).increment({ ...write, where: { id: 1 }, returning: ["value"] }),
  );
  const miss = await settle(ledger.operation(lab.key()).increment({ ...write, where: { id: 2 } }));
  expect([whole, some, miss].map(end)).toEqual([
    "ok",
    expect.stringContaining("23502"),
    expect.stringContaining("OPLEDGER_ROW_NOT_FOUND"),
  ]);
});
