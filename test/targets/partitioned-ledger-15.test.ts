import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newKey } from "../../src/index.js";
import { ledgerMigrations } from "../../src/migrations/index.js";
import { account, count, ref, refused, rowOf, unique } from "../conformance/helpers.js";
import { CALLS } from "../conformance/schema.js";
import type { Fixture, TestLedger } from "../conformance/target.js";
import { postgresTarget } from "./postgres.js";
import { prismaTarget } from "./prisma.js";
import { PRISMA_POSTGRES } from "./prisma-postgres.js";
import { typeormTarget } from "./typeorm.js";

const PG = { server: "postgres15", suite: "functional", cases: 0 } as const;
const TARGETS = [
  postgresTarget({ name: "pg pool × PostgreSQL 15", ...PG }),
  postgresTarget({ name: "pg client × PostgreSQL 15", ...PG, source: "client" }),
  postgresTarget({ name: "pg pipeline × PostgreSQL 15", ...PG, source: "pipeline" }),
  prismaTarget("Prisma × PostgreSQL 15", "functional", 0, PRISMA_POSTGRES),
  typeormTarget({ name: "typeorm × PostgreSQL 15", ...PG }),
];

const LEDGER = "parted";
const DAY_MS = 86_400_000;
const { sweep, inspect, ...WRITES } = CALLS;

describe.each(TARGETS)("a ledger in daily partitions: $name", ({ open, unavailable }) => {
  if (unavailable !== undefined) return it.skip(unavailable, () => undefined);
  let fixture: Fixture;

  beforeAll(async () => {
    fixture = await open();
    for (const { upStatements } of ledgerMigrations("postgres", { table: LEDGER, partitions: true }))
      for (const statement of upStatements) await fixture.query(statement);
  });
  afterAll(() => fixture?.close());

  const ledger = (): TestLedger => fixture.createLedger({ table: LEDGER });

  it.each(Object.entries(WRITES))(
    "%s under an opaque key is refused, and writes nothing",
    async (_, call) => {
      const id = await account(fixture);
      const before = [await rowOf(fixture, "accounts", id), await count(fixture, "entries", "true")];
      const error = await refused(call(ledger(), id), "OPLEDGER_INVALID_OPERATION");
      expect(error.message).toMatch(/carries no time.*newKey\(\).*issuedAt/s);
      expect(error).toMatchObject({ retryable: false, operation: { operation: "schema" } });
      expect([await rowOf(fixture, "accounts", id), await count(fixture, "entries", "true")]).toEqual(before);
      expect(await count(fixture, LEDGER, "true")).toBe(0);
    },
  );

  it("a batch names the operation whose key is opaque", async () => {
    const id = await account(fixture);
    const write = { table: "accounts", where: { id }, by: { balance: 1 } };
    const many = [
      { operation: "timed", key: newKey(), ...write },
      { operation: "opaque", key: "order-17", ...write },
    ];
    const error = await refused(ledger().incrementMany(many), "OPLEDGER_INVALID_OPERATION");
    expect(error.operation?.operation).toBe("opaque");
  });

  it("work that others' checks refuse keeps its error", async () => {
    const timed = ref("checked", { key: newKey() });
    const call = ledger()
      .operation(timed)
      .insert({ into: "checked", values: { id: 1, amount: -1 } });
    await expect(call).rejects.not.toHaveProperty("code", "OPLEDGER_INVALID_OPERATION");
  });

  it("takes an opaque key with `issuedAt`, and looks for any", async () => {
    const timed = ref("issued", { key: unique(), issuedAt: new Date() });
    expect((await ledger().once(timed, () => 1)).status).toBe("executed");
    expect((await ledger().once(timed, () => 2)).status).toBe("replayed");
    await fixture.query(`DELETE FROM ${LEDGER}`);
    expect(await inspect?.(ledger(), 0)).toBeUndefined();
    await sweep?.(ledger(), 0);
  });

  it("tells a key of a day that is gone from today's partition that was never made", async () => {
    const old = ref("old", { key: unique(), issuedAt: new Date(Date.now() - 30 * DAY_MS) });
    const gone = await refused(
      ledger().once(old, () => 1),
      "OPLEDGER_INVALID_OPERATION",
    );
    expect(gone.message).toMatch(/of days that were dropped/);
    const parts = await fixture.query(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = '${LEDGER}'::regclass`,
    );
    for (const { name } of parts) await fixture.query(`DROP TABLE ${name}`);
    const unmade = await refused(
      ledger().once(ref("today", { key: newKey() }), () => 1),
      "OPLEDGER_LEDGER_SCHEMA",
    );
    expect(unmade.message).toMatch(/create_partitions\(\)/);
  });
});
