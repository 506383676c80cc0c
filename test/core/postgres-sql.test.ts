import { describe, expect, it } from "vitest";
import type { BatchEntry, WriteOptions } from "../../src/core/dialect.js";
import type { Statement } from "../../src/core/executor.js";
import {
  deleteWrite,
  incrementWrite,
  insertWrite,
  updateWrite,
  upsertWrite,
  type Write,
} from "../../src/core/writes.js";
import { postgresDialect } from "../../src/dialects/postgres/index.js";
import { claimed, dialect, shown } from "./support/dialect.js";

/** Values, keys and texts that would show, and bite, in any SQL that they were pasted into. */
const EVIL = "'; DROP TABLE users; --";
const operation = claimed({ scope: `scope${EVIL}`, operation: `operation${EVIL}`, key: `key${EVIL}` });
const PLAIN: WriteOptions = { waitMs: 10_000, redact: [], joined: false, first: false, fresh: false };
const REDACTING: WriteOptions = {
  waitMs: 0,
  redact: [`pin${EVIL}`],
  joined: true,
  first: false,
  fresh: false,
};

const FIRST: WriteOptions = { ...PLAIN, first: true };
/** PostgreSQL's numbers of types. */
const [TEXT, BIGINT] = [25, 20];
const FRESH: WriteOptions = { ...FIRST, fresh: true };

const insert = insertWrite({ into: "payments", values: { id: 7, amount: 424n, note: EVIL } });
const keyed = insertWrite({
  into: "app.payments",
  values: { id: 7, amount: 424n, note: EVIL },
  conflict: ["id", "note"],
  returning: ["id"],
});
const upsert = upsertWrite({ into: "users", values: { email: EVIL, name: EVIL }, conflict: ["email"] });
const where = { id: EVIL, closed_at: null };
const increment = incrementWrite({ table: "accounts", where, by: { balance: 424n, fee: "-0.50" } });
const batched = incrementWrite({ table: "accounts", where: { id: EVIL }, by: { balance: 424n } });

function many(...writes: Write[]): BatchEntry[] {
  return writes.map((write, index) => ({
    write,
    operation: claimed({ scope: EVIL, operation: EVIL, key: `${EVIL}${index}` }),
  }));
}

const write = (title: string, made: Write, options = PLAIN): [string, Statement] => [
  title,
  dialect.write(operation, made, options),
];

/** The brief forms of a write once its columns are known to be of types that a replay reads to the letter. */
function returned(made: Write): [string, Statement][] {
  const knowing = postgresDialect({ schema: "public", table: "opledger_operations" });
  knowing.readWrite({ rows: [{ opledger$status: "rebuilt u" }], affected: 1, types: [TEXT, BIGINT] }, made);
  return [
    ["brief, as returned", knowing.write(operation, made, FIRST)],
    ["of a fresh operation, as returned", knowing.write(operation, made, FRESH)],
  ];
}

/** One golden file per verb: what is sent, and with which values. */
const STATEMENTS: Readonly<Record<string, readonly (readonly [title: string, statement: Statement])[]>> = {
  claim: [
    ["claim", dialect.claim(operation, PLAIN)],
    ["of a fresh operation", dialect.claim(operation, FRESH)],
  ],
  complete: [
    ["completed", dialect.complete(operation, "731", "completed", Buffer.from(EVIL))],
    ["failed", dialect.complete(operation, "731", "failed", Buffer.from(EVIL))],
  ],
  savepoint: [
    ["mark the work", dialect.markWork],
    ["undo the work", dialect.undoWork],
  ],
  insert: [
    write("all columns back", insert),
    write("a row of defaults", insertWrite({ into: "events", values: {} })),
    write("with a natural key, some columns back", keyed),
    write("with columns to redact", insert, REDACTING),
    write("brief", insert, FIRST),
  ],
  upsert: [
    write("all but the key", upsert),
    write("with columns to redact", upsert, REDACTING),
    write("brief", upsert, FIRST),
  ],
  update: [
    write("set", updateWrite({ table: "accounts", where, set: { status: EVIL } })),
    write(
      "compare-and-set",
      updateWrite({ table: "accounts", where, set: { status: EVIL }, version: 3, versionColumn: "revision" }),
    ),
    write("brief", updateWrite({ table: "accounts", where, set: { status: EVIL }, version: 3 }), FIRST),
  ],
  increment: [
    write("increment", increment),
    write("with columns to redact", increment, REDACTING),
    write("brief", increment, FIRST),
    write("brief, with columns to redact", increment, { ...FIRST, redact: REDACTING.redact }),
    write("of a fresh operation", increment, FRESH),
    ...returned(increment),
  ],
  delete: [write("delete", deleteWrite({ from: "carts", where, returning: ["id"] }))],
  "insert-many": [
    ["without a natural key", dialect.writeMany(many(insert, insert), PLAIN)],
    ["with a natural key", dialect.writeMany(many(keyed, keyed), PLAIN)],
  ],
  "increment-many": [
    ["increments", dialect.writeMany(many(batched, batched), PLAIN)],
    ["with columns to redact", dialect.writeMany(many(batched), REDACTING)],
  ],
  retention: [
    ["forget", dialect.forget(operation, PLAIN)],
    ["sweep", dialect.sweep(1_000)],
  ],
  inspect: [["inspect", dialect.inspect(operation)]],
  recall: [
    ["once", dialect.recall(operation)],
    ["a bound write", dialect.recallWrite(operation, insert)],
  ],
};

const all = Object.values(STATEMENTS).flat();

describe("PostgreSQL's SQL", () => {
  it.each(Object.keys(STATEMENTS))("%s is as reviewed", async (verb) => {
    const golden = (STATEMENTS[verb] ?? []).map(([title, statement]) => shown(title, statement)).join("\n");
    await expect(golden).toMatchFileSnapshot(`golden/${verb}.sql`);
  });

  it("holds no value: every one is bound", () => {
    for (const [, { sql }] of all) {
      expect(sql).not.toContain("DROP");
      for (const secret of ["424", "0.50", "731", "pin", operation.id, operation.keyHash, "604800000"]) {
        expect(sql).not.toContain(secret);
      }
    }
  });

  it("uses every value that it binds, and binds every placeholder", () => {
    for (const [title, { sql, values }] of all) {
      const used = new Set([...sql.matchAll(/\$(\d+)/g)].map(([, place]) => Number(place)));
      const bound = new Set(values.map((_, index) => index + 1));
      expect({ title, used: [...used].sort((a, b) => a - b) }).toEqual({ title, used: [...bound] });
    }
  });

  it("is the same text for other values, so that a prepared statement is used again", () => {
    const other = claimed({ operation: "x", key: "y" });
    const [a, b] = [operation, other].map((each, index) =>
      dialect.write(each, insertWrite({ into: "payments", values: { id: index, note: `${index}` } }), PLAIN),
    );
    expect(a?.sql).toBe(b?.sql);
    expect(a?.name).toBe(b?.name);
  });

  it("does not depend on the size of a batch", () => {
    const sizes = [1, 2, 500].map((size) => dialect.writeMany(many(...Array(size).fill(insert)), PLAIN).sql);
    expect(new Set(sizes).size).toBe(1);
  });

  it("differs where NULL is compared, since = NULL is never true", () => {
    const sql = (id: unknown): string =>
      dialect.write(operation, deleteWrite({ from: "t", where: { id } }), PLAIN).sql;
    expect(sql(null)).toContain('"id" IS NULL');
    expect(sql(1)).toContain('"id" = $8');
  });

  it("quotes names that want to be SQL", () => {
    const evil = `x"${EVIL}`;
    const sqls = [
      insertWrite({ into: evil, values: { [evil]: 1 }, conflict: [evil], returning: [evil] }),
      upsertWrite({
        into: evil,
        values: { [evil]: 1, y: 1 },
        conflict: ["y"],
        update: [evil],
        returning: [evil],
      }),
      updateWrite({ table: evil, where: { y: 1 }, set: { y: 1 }, version: 1, versionColumn: evil }),
      incrementWrite({ table: evil, where: { [evil]: 1 }, by: { y: 1 } }),
      deleteWrite({ from: evil, where: { [evil]: null } }),
    ].map((made) => dialect.write(operation, made, PLAIN).sql);
    sqls.push(
      dialect.writeMany(many(insertWrite({ into: evil, values: { [evil]: 1 }, conflict: [evil] })), PLAIN)
        .sql,
    );
    for (const sql of sqls) {
      expect(sql).toContain("DROP");
      expect(sql.replaceAll(`"x""${EVIL}"`, "")).not.toContain("DROP");
    }
  });
});
