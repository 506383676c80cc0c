import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLedger, type PgLedger } from "../../src/adapters/pg/index.js";
import { newKey } from "../../src/core/operation.js";
import { ledgerMigrations } from "../../src/migrations/index.js";
import { createDatabase, serverUrl } from "../servers/use.js";

// A first run answers with the row that the write returned where that is, to the letter, the one that replays read.

/** The types of which rows are taken as returned, with the texts that are hardest to get back out of JSON. */
const AS_STORED: Readonly<Record<string, readonly string[]>> = {
  boolean: ["true", "false"],
  bytea: ["\\x", "\\x00ff5c"],
  name: ["n", `"'\\`],
  bigint: ["9223372036854775807", "-9223372036854775808"],
  smallint: ["-32768"],
  integer: ["2147483647"],
  text: ["", " ", 'a "quoted" \\ text', "\u0001\u001f\u007f\u2028\ud83d\ude00", "null", '{"a": 1}'],
  oid: ["4294967295"],
  real: ["0.1", "NaN", "-Infinity", "-0", "3.4028235e38", "1e-45"],
  "double precision": ["0.1", "NaN", "Infinity", "-0", "1.7976931348623157e308", "5e-324"],
  "character(5)": ["", "ab", "abcde"],
  character: ["x"],
  "character varying(5)": ["", "ab   "],
  date: ["2026-11-29", "infinity", "-infinity", "0044-03-15 BC", "12026-01-01"],
  time: ["23:59:59.999999", "24:00:00"],
  timestamp: ["2026-11-29 01:02:03.000001", "infinity", "0044-03-15 00:00:00 BC", "12026-01-01 00:00:00"],
  "timestamp with time zone": [
    "2026-11-29 01:02:03.000001+05:45",
    "-infinity",
    "0044-03-15 00:00:00+00 BC",
    "1850-01-01 00:00:00+00",
  ],
  "time with time zone": ["23:59:59.999999+14", "00:00:00-15:59:59"],
  numeric: ["NaN", "Infinity", "0.0000000000000000000000000001", "1e100", "-0.00"],
  "numeric(10,2)": ["1.10", "-99999999.99"],
  uuid: ["00000000-0000-0000-0000-000000000000"],
  short: ["7"],
};
const OTHERWISE: Readonly<Record<string, readonly string[]>> = {
  "integer[]": ["[0:1]={1,2}", "{}"],
  json: ["null", '{"a" : 1}'],
  jsonb: ["null", '{"a": 1}'],
  mood: ["fine"],
  interval: ["1 year -2 days"],
  pair: ["(1,x)"],
};

/** Keeps the text of every query. */
const sent: string[] = [];
class Watched extends pg.Client {
  override query = ((...given: [{ text?: string } | string]) => {
    const [first] = given;
    sent.push(typeof first === "string" ? first : (first.text ?? ""));
    return (super.query as (...all: unknown[]) => unknown)(...given);
  }) as pg.Client["query"];
}

describe.skipIf(serverUrl("postgres15") === undefined)("rows as they were returned", () => {
  let drop: () => Promise<void>;
  let pool: pg.Pool;

  beforeAll(async () => {
    const database = await createDatabase("postgres15");
    drop = database.drop;
    // Every value as the text that PostgreSQL sent.
    const types = { getTypeParser: () => (text: unknown) => text };
    pool = new pg.Pool({ connectionString: database.url, max: 1, Client: Watched, types });
    for (const { up } of ledgerMigrations("postgres")) await pool.query(up);
    await pool.query("CREATE TYPE mood AS ENUM ('fine'); CREATE TYPE pair AS (a integer, b text)");
    await pool.query("CREATE DOMAIN short AS smallint CHECK (VALUE < 100)");
  });
  afterAll(async () => {
    await pool?.end();
    await drop?.();
  });

  let tables = 0;
  async function tableOf(type: string): Promise<string> {
    const name = `sample_${++tables}`;
    await pool.query(`CREATE TABLE ${name} (v ${type})`);
    return name;
  }

  /** What an insert answers, and what any later one of the same key will; and whether the answer is as returned. */
  async function inserted(ledger: PgLedger, into: string, v: string) {
    const op = { operation: "insert", key: newKey() };
    sent.length = 0;
    const first = await ledger.operation(op).insert({ into, values: { v } });
    const returned = sent.some((text) => text.includes("'returned '"));
    expect(first.status).toBe("executed");
    const replay = await createLedger(pool).operation(op).insert({ into, values: { v } });
    expect(replay).toStrictEqual({ ...first, status: "replayed" });
    return { returned, v: (first.value as { v: unknown }).v };
  }

  it.each(Object.entries(AS_STORED))("%s: from the second run of a shape", async (type, texts) => {
    const into = await tableOf(type);
    const ledger = createLedger(pool);
    expect((await inserted(ledger, into, texts[0] ?? "")).returned).toBe(false);
    for (const text of texts) {
      const { returned, v } = await inserted(ledger, into, text);
      expect(returned).toBe(true);
      expect((await pool.query(`SELECT v FROM ${into}`)).rows.at(-1)).toStrictEqual({ v });
    }
  });

  it.each(Object.entries(OTHERWISE))("%s: never", async (type, texts) => {
    const into = await tableOf(type);
    const ledger = createLedger(pool);
    for (const text of [...texts, ...texts])
      expect((await inserted(ledger, into, text)).returned).toBe(false);
  });

  it("of an operation without a fresh key as well", async () => {
    const into = await tableOf("integer");
    const ledger = createLedger(pool);
    for (const key of ["a", "b"]) {
      sent.length = 0;
      await ledger.operation({ operation: "plain", key }).insert({ into, values: { v: 1 } });
    }
    expect(sent.join()).toContain("'returned '");
  });

  it("no longer once the table's columns are of another type", async () => {
    const into = await tableOf("integer");
    const ledger = createLedger(pool, { prepare: false });
    for (const expected of [false, true]) {
      expect((await inserted(ledger, into, "1")).returned).toBe(expected);
    }
    await pool.query(`ALTER TABLE ${into} ALTER v TYPE integer[] USING ARRAY[v]`);
    // The first statement still returns the row; the answer is read from what was stored all the same.
    expect(await inserted(ledger, into, "[0:1]={1,2}")).toStrictEqual({ returned: true, v: "{1,2}" });
    expect(await inserted(ledger, into, "[0:1]={1,2}")).toStrictEqual({ returned: false, v: "{1,2}" });
  });

  it("not where something of it is redacted", async () => {
    const into = await tableOf("integer");
    const ledger = createLedger(pool, { redact: ["secret"] });
    for (let run = 0; run < 2; run += 1) {
      sent.length = 0;
      await ledger.operation({ operation: "r", key: newKey() }).insert({ into, values: { v: 1 } });
      expect(sent.join()).not.toContain("'returned '");
    }
  });
});
