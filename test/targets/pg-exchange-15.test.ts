import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLedger, type PgLedger } from "../../src/adapters/pg/index.js";
import { newKey } from "../../src/index.js";
import { ledgerMigrations } from "../../src/migrations/index.js";
import { serverUrl } from "../servers/use.js";

const url = serverUrl("postgres15");
const SCHEMA = "exchange";

/** What pg's own queries do for the ledger's statements, and the ledger's exchange has to do in their place. */
describe.skipIf(url === undefined)("the ledger's own exchange with the server", () => {
  let admin: pg.Client;
  const open: pg.Pool[] = [];

  beforeAll(async () => {
    admin = new pg.Client(url);
    await admin.connect();
    await admin.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE; CREATE SCHEMA ${SCHEMA}`);
    for (const { up } of ledgerMigrations("postgres", { schema: SCHEMA })) await admin.query(up);
    await admin.query(
      `CREATE TABLE ${SCHEMA}.things (id integer PRIMARY KEY, "__proto__" text, amount bigint)`,
    );
    await admin.query(`INSERT INTO ${SCHEMA}.things VALUES (1, 'kept', 5)`);
  });
  afterAll(async () => {
    for (const pool of open) await pool.end();
    await admin?.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`);
    await admin?.end();
  });

  function ledger(config: pg.PoolConfig = {}): { readonly pool: pg.Pool; readonly ledger: PgLedger } {
    const pool = new pg.Pool({ connectionString: url, max: 1, ...config });
    open.push(pool);
    return { pool, ledger: createLedger(pool, { schema: SCHEMA }) };
  }
  const operation = (): { operation: string; key: string } => ({ operation: "exchange", key: newKey() });
  const add = { table: `${SCHEMA}.things`, where: { id: 1 }, by: { amount: 1 } };

  it("keeps a column that is named __proto__, and lets it be no prototype", async () => {
    const { value } = await ledger().ledger.operation(operation()).increment<Record<string, unknown>>(add);
    expect(Object.keys(value)).toEqual(["id", "__proto__", "amount"]);
    expect(Object.getOwnPropertyDescriptor(value, "__proto__")?.value).toBe("kept");
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it("reports a parser of the caller's that throws, and leaves the connection usable", async () => {
    const broken = (): never => {
      throw new RangeError("not to be read");
    };
    const types = { getTypeParser: (oid: number) => (oid === 20 ? broken : String) };
    const { pool, ledger: reading } = ledger({ types: types as unknown as pg.CustomTypesConfig });
    await expect(reading.operation(operation()).increment(add)).rejects.toThrow("not to be read");
    expect((await pool.query("SELECT 1 AS one")).rows).toEqual([{ one: "1" }]);
    expect(pool.totalCount).toBe(1);
  });

  it("reads the parsers that are in force when the answer comes", async () => {
    const { pool, ledger: reading } = ledger();
    const run = async (): Promise<unknown> =>
      (await reading.operation(operation()).increment<{ amount: unknown }>(add)).value.amount;
    expect(await run()).toBeTypeOf("string");
    const client = (await pool.connect()) as pg.PoolClient & pg.Client;
    client.setTypeParser(20, BigInt);
    client.release();
    expect(await run()).toBeTypeOf("bigint");
  });

  it("reads the columns anew where a table got another one", async () => {
    const { ledger: reading } = ledger();
    await reading.operation(operation()).increment(add);
    await admin.query(`ALTER TABLE ${SCHEMA}.things ADD COLUMN later text DEFAULT 'new'`);
    const { value } = await reading.operation(operation()).increment(add);
    expect(value).toMatchObject({ id: 1, later: "new" });
  });

  it("reads each answer's own columns where no statement has a name", async () => {
    const { pool } = ledger();
    const unnamed = createLedger(pool, { schema: SCHEMA, prepare: false });
    const found = [];
    for (const column of ["id", "amount", "id"]) {
      const { value } = await unnamed.operation(operation()).increment({ ...add, returning: [column] });
      found.push(Object.keys(value));
    }
    expect(found).toEqual([["id"], ["amount"], ["id"]]);
  });

  it("sends a value that has no text form nowhere, and leaves the connection usable", async () => {
    const { pool, ledger: writing } = ledger();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const values = { id: 2, amount: circle };
    const paid = { ...operation(), payload: "explicit" };
    await expect(writing.operation(paid).insert({ into: `${SCHEMA}.things`, values })).rejects.toThrow(
      /circular/i,
    );
    const whole = await writing
      .operation(paid)
      .insert({ into: `${SCHEMA}.things`, values: { id: 2, amount: 7 } });
    expect(whole).toMatchObject({ status: "executed", value: { id: 2, amount: "7" } });
    expect(pool.totalCount).toBe(1);
  });

  it("leaves a client that reads PostgreSQL's binary form to queries of pg's", async () => {
    const { ledger: binary } = ledger({ binary: true } as pg.PoolConfig);
    const { status, value } = await binary.operation(operation()).increment<{ id: number }>(add);
    expect({ status, id: value.id }).toEqual({ status: "executed", id: 1 });
  });
});
