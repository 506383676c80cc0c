import pg from "pg";
import { expect } from "vitest";
import {
  addEffect,
  effects,
  ledgerRows,
  ownError,
  ref,
  refused,
  thrown,
  twice,
  uniqueId,
} from "../conformance/helpers.js";
import type { Cases } from "../conformance/target.js";
import type { PostgresFixture } from "./postgres.js";
import { pgTest } from "./postgres-case.js";

export function clients(cases: Cases): void {
  parsers(cases);
  connections(cases);
  queries(cases);
}

/** Runs `body` with a pool of its own. */
async function withPool(
  fixture: PostgresFixture,
  config: pg.PoolConfig,
  body: (pool: pg.Pool) => Promise<void>,
): Promise<void> {
  const pool = fixture.newPool(3, undefined, config);
  try {
    await body(pool);
  } finally {
    await pool.end();
  }
}

/** Parsers that callers install: int8 as bigint, everything else as marked text, or as text alone. */
const PARSERS: Readonly<Record<string, (oid: number) => (text: string) => unknown>> = {
  "bigint for int8": (oid) =>
    (oid === 20 ? BigInt : pg.types.getTypeParser(oid)) as (text: string) => unknown,
  "text for every type": () => (text) => text,
  "text for bytea": (oid) =>
    (oid === 17 ? (text) => text : pg.types.getTypeParser(oid)) as (text: string) => unknown,
  "an object for int4, int2 and bool": (oid) =>
    ([21, 23, 16].includes(oid) ? (text) => ({ text }) : pg.types.getTypeParser(oid)) as (
      text: string,
    ) => unknown,
};

function parsers(cases: Cases): void {
  for (const [what, parserOf] of Object.entries(PARSERS)) {
    pgTest(cases, `custom type parsers: ${what}`, async (fixture) => {
      const types = { getTypeParser: (oid: number) => parserOf(oid) } as unknown as pg.CustomTypesConfig;
      await withPool(fixture, { types }, async (pool) => {
        const ledger = fixture.ledgerOver(pool, { storeError: () => "stored" });
        const once = ref("parsers");
        await twice(() => ledger.once(once, () => ({ n: 1n })));
        expect(await ledger.inspect(once)).toMatchObject({
          ...once,
          status: "completed",
          value: { n: 1n },
          expired: false,
        });
        const bound = ref("parsers");
        const id = uniqueId();
        const write = { into: "accounts", values: { id, balance: 7, version: 1 } };
        const { first } = await twice(() => ledger.operation(bound).insert(write));
        expect(first.effect).toBe("inserted");
        const { rows } = await pool.query<Record<string, unknown>>(`SELECT * FROM accounts WHERE id = ${id}`);
        expect(first.value).toStrictEqual({ ...rows[0] });
        const lost = ledger
          .operation(ref("parsers"))
          .update({ table: "accounts", where: { id }, version: 5, set: { status: "x" } });
        expect(await refused(lost, "OPLEDGER_VERSION_CONFLICT")).toMatchObject({ expected: 5, actual: 1 });
        const many = [ref("parsers"), ref("parsers")].map((op) => ({
          ...op,
          table: "accounts",
          where: { id },
          by: { balance: 1 },
        }));
        expect((await ledger.incrementMany(many)).map(({ status }) => status)).toStrictEqual([
          "executed",
          "executed",
        ]);
        const failing = ref("parsers");
        await thrown(ledger.once(failing, () => Promise.reject(new Error("x"))));
        expect(
          await refused(
            ledger.once(failing, () => 1),
            "OPLEDGER_STORED_FAILURE",
          ),
        ).toMatchObject({ failure: "stored" });
      });
    });
  }
}

function connections(cases: Cases): void {
  pgTest(
    cases,
    "a client in a transaction of the caller's is refused, and left as it is",
    async (fixture) => {
      const client = new pg.Client({ connectionString: fixture.url });
      await client.connect();
      await client.query("BEGIN");
      const op = ref("open");
      const ledger = fixture.ledgerOver(client, { waitMs: 100 });
      expect(await ownError(ledger.once(op, () => 1))).toBeInstanceOf(TypeError);
      expect(
        await ownError(ledger.operation(op).insert({ into: "entries", values: { note: op.key } })),
      ).toBeInstanceOf(TypeError);
      await client.query(addEffect(op.key));
      await client.query("COMMIT");
      expect(await effects(fixture, op.key)).toBe(1);
      expect((await ledger.once(op, () => 1)).status).toBe("executed");
      await client.end();
    },
  );

  pgTest(cases, "two ledgers over one client take turns", async (fixture) => {
    const client = new pg.Client({ connectionString: fixture.url });
    await client.connect();
    const ledgers = [fixture.ledgerOver(client, {}), fixture.ledgerOver(client, {})];
    const made = await Promise.all(
      Array.from({ length: 10 }, (_, index) => {
        const op = ref("turns");
        return ledgers[index % 2]?.once(op, async (tx) => void (await tx.query(addEffect(op.key))));
      }),
    ).finally(() => client.end());
    expect(made.map((outcome) => outcome?.status)).toStrictEqual(
      Array.from({ length: 10 }, () => "executed"),
    );
  });

  for (const prepare of [true, false, "auto"] as const) {
    pgTest(cases, `prepare: ${prepare}`, async (fixture) => {
      await withPool(fixture, {}, async (pool) => {
        const ledger = fixture.pgLedger(pool, { prepare } as object);
        const op = ref("prepare");
        for (let n = 0; n < 3; n++) await ledger.once({ ...op, key: `${op.key}-${n}` }, () => n);
        await twice(() => ledger.operation(op).insert({ into: "entries", values: { note: op.key } }));
        const client = await pool.connect();
        const { rows } = await client.query("SELECT count(*)::int AS n FROM pg_prepared_statements");
        client.release();
        expect((rows[0] as { n: number }).n > 0).toBe(prepare !== false);
      });
    });
  }

  pgTest(cases, "DEALLOCATE ALL between two runs, as a pooler's reset does", async (fixture) => {
    await withPool(fixture, { max: 1 }, async (pool) => {
      const ledger = fixture.ledgerOver(pool, {});
      const op = ref("reset");
      await ledger.once(op, () => 1);
      await pool.query("DEALLOCATE ALL");
      expect((await ledger.once(op, () => 2)).value).toBe(1);
      await pool.query("DISCARD ALL");
      const insert = { into: "entries", values: { note: op.key } };
      expect((await ledger.operation(ref("reset")).insert(insert)).status).toBe("executed");
    });
  });

  pgTest(cases, "the session's own lock_timeout holds inside the work, and after it", async (fixture) => {
    await withPool(fixture, { max: 1, options: "-c lock_timeout=4321" }, async (pool) => {
      const ledger = fixture.ledgerOver(pool, { waitMs: 50 });
      const inside = await ledger.once(
        ref("setting"),
        async (tx) => (await tx.query("SHOW lock_timeout"))[0],
      );
      expect(inside.value).toStrictEqual({ lock_timeout: "4321ms" });
      await ledger.operation(ref("setting")).insert({ into: "entries", values: { note: "n" } });
      expect((await pool.query("SHOW lock_timeout")).rows).toStrictEqual([{ lock_timeout: "4321ms" }]);
    });
  });

  pgTest(
    cases,
    "bytea_output, IntervalStyle, DateStyle and TimeZone of another session do not change a replay",
    async (fixture) => {
      const id = uniqueId();
      const op = ref("session", { payload: 1 });
      const values = Object.fromEntries(fixture.samples.map(({ column, value }) => [column, value]));
      const write = { into: "samples", values: { id, ...values } };
      const odd =
        "-c bytea_output=escape -c IntervalStyle=sql_standard -c DateStyle=German -c TimeZone=Asia/Kolkata";
      let stored = {};
      await withPool(fixture, { options: odd }, async (pool) => {
        stored = (await fixture.ledgerOver(pool, {}).operation(op).insert(write)).value;
      });
      const again = await fixture.createLedger().operation(op).insert(write);
      const [row] = await fixture.query(`SELECT * FROM samples WHERE id = ${id}`);
      expect(again.status).toBe("replayed");
      expect(Object.keys(stored)).toStrictEqual(Object.keys(again.value));
      expect(again.value).toStrictEqual({ ...row });
    },
  );
}

function queries(cases: Cases): void {
  pgTest(
    cases,
    "a query object of pg's own runs in the transaction; COMMIT as one leaves nothing",
    async (fixture) => {
      await withPool(fixture, {}, async (pool) => {
        const ledger = fixture.pgLedger(pool);
        const op = ref("submit");
        const submit = (tx: { query(stream: pg.Query): unknown }, sql: string) =>
          new Promise<void>((resolve) => {
            const query = new pg.Query(sql);
            query.on("end", () => resolve());
            query.on("error", () => resolve());
            tx.query(query);
          });
        await ledger.once(op, async (tx) => submit(tx, addEffect(op.key)));
        expect(await effects(fixture, op.key)).toBe(1);
        const ending = ref("submit");
        const attempt = ledger.once(ending, async (tx) => {
          await tx.query(addEffect(ending.key));
          await submit(tx, "COMMIT");
          await tx.query(addEffect(ending.key)).catch(() => {});
        });
        await thrown(attempt);
        expect([await effects(fixture, ending.key), await ledgerRows(fixture, ending)]).toStrictEqual([0, 0]);
      });
    },
  );

  pgTest(cases, "queries sent together with one that ends the transaction leave nothing", async (fixture) => {
    const op = ref("together");
    const attempt = fixture.createLedger().once(op, async (tx) => {
      await Promise.allSettled([
        tx.query(addEffect(op.key)),
        tx.query("SELECT 1; COMMIT"),
        tx.query(addEffect(op.key)),
        tx.query(addEffect(op.key)),
      ]);
    });
    await thrown(attempt);
    expect([await effects(fixture, op.key), await ledgerRows(fixture, op)]).toStrictEqual([0, 0]);
  });

  pgTest(cases, "a procedure that commits cannot end the transaction", async (fixture) => {
    const name = `ends_${uniqueId()}`;
    await fixture.query(`CREATE PROCEDURE ${name}() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$`);
    const op = ref("procedure");
    const attempt = fixture.createLedger().once(op, async (tx) => {
      await tx.query(addEffect(op.key));
      await tx.query(`CALL ${name}()`).catch(() => {});
      await tx.query("DO $$ BEGIN COMMIT; END $$").catch(() => {});
    });
    await refused(attempt, "OPLEDGER_ROLLED_BACK");
    expect([await effects(fixture, op.key), await ledgerRows(fixture, op)]).toStrictEqual([0, 0]);
  });

  pgTest(
    cases,
    "work that deletes, or finishes, its own ledger row is not reported as done",
    async (fixture) => {
      for (const sabotage of ["DELETE FROM", "UPDATE"]) {
        const op = ref("sabotage");
        const where = `WHERE key = '${op.key}'`;
        const sql =
          sabotage === "UPDATE"
            ? `UPDATE ${fixture.ledgerTable} SET state = 1 ${where}`
            : `DELETE FROM ${fixture.ledgerTable} ${where}`;
        const attempt = fixture.createLedger().once(op, async (tx) => {
          await tx.query(addEffect(op.key));
          await tx.query(sql);
        });
        await refused(attempt, "OPLEDGER_ROLLED_BACK");
        expect([await effects(fixture, op.key), await ledgerRows(fixture, op)]).toStrictEqual([0, 0]);
      }
    },
  );
}
