import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isThere, op, openPrisma, PRISMA_ENGINES, type Prisma, type TestClient, twice } from "./cases.js";

/** A value for every field of `Everything` that all three databases have. */
const COMMON = {
  text: 'tab\t newline\n back\\slash "quote" \u{1F600} e\u0301 \u2028',
  char: "ab",
  uuid: "0190a5a5-0000-7000-8000-000000000000",
  flag: false,
  int: 2_147_483_647,
  small: -32_768,
  big: 9_007_199_254_740_993n,
  float: 0.1 + 0.2,
  real: 0.5,
  decimal: "12345678901234.5678",
  money: 12.5,
  at: new Date("2024-02-29T23:59:59.123Z"),
  atTz: "2024-02-29T23:30:00.123+05:30",
  day: new Date("2024-02-29T00:00:00.000Z"),
  json: { b: [1, 2.5, null, "é"], a: { "": 'quo"te', n: 9_007_199_254_740_991 } },
  plainJson: [1, "two", { three: 3 }],
  bytes: new Uint8Array([0, 1, 127, 128, 255, 92, 120]),
  status: "OPEN",
  maybe: "high",
} as const;

const LISTS = {
  texts: ["a", 'quo"te', "com,ma", "NULL", "", "back\\slash", "{}"],
  ints: [1, -2],
  bigs: [9_007_199_254_740_993n],
  floats: [0.1, 1e21],
  decimals: ["0.10", "12345678901234567890.5"],
  moments: [new Date("2024-02-29T23:59:59.123Z")],
  flags: [true, false],
  uuids: ["0190a5a5-0000-7000-8000-000000000000"],
  documents: [{ a: 1 }, [1, "x"], "text", 7],
  blobs: [new Uint8Array([1, 2]), new Uint8Array([92])],
  statuses: ["OPEN", "CLOSED"],
  levels: ["high"],
} as const;

for (const engine of PRISMA_ENGINES) {
  describe.skipIf(!isThere(engine))(`rows on ${engine}`, () => {
    let opened: Prisma;
    let prisma: TestClient;
    beforeAll(async () => {
      opened = await openPrisma(engine);
      prisma = opened.prisma;
    });
    afterAll(() => opened.close());

    const lists = engine.startsWith("postgres") ? LISTS : {};
    // SQLite has no type for a time of day, and floating point only.
    const own =
      engine === "sqlite"
        ? { decimal: "12345678901.5", time: null }
        : { time: new Date("1970-01-01T23:59:59.120Z") };
    const everything = { ...COMMON, ...lists, ...own };

    test("a created row is what findUnique gives, for every type of field", async () => {
      const key = op("everything").key;
      const ref = op("create");
      const data = { ...everything, key } as never;
      const { value, effect } = await twice(() => prisma.$operation(ref).everything.create({ data }));
      expect(effect).toBe("inserted");
      expect(value).toStrictEqual(await prisma.everything.findUnique({ where: { key } }));
      expect(opened.events.filter(({ type }) => type === "fallback")).toStrictEqual([]);
    });

    test("so is a row of defaults and nulls, and so is an updated and a deleted one", async () => {
      const key = op("everything").key;
      const json = { json: {}, ...(engine.startsWith("postgres") ? { json: undefined } : {}) };
      const created = await twice(() =>
        prisma
          .$operation({ operation: "create", key })
          .everything.create({ data: { key, ...json } as never }),
      );
      const found = await prisma.everything.findUniqueOrThrow({ where: { key } });
      expect(created.value).toStrictEqual(found);
      expect(created.value.uuid4).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
      expect(created.value.uuid7).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
      expect(created.value.cuid1).toMatch(/^c[0-9a-z]{24}$/);
      expect(created.value.cuid2).toMatch(/^[a-z][0-9a-z]{23}$/);
      expect(created.value.ulid).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
      expect(created.value.nano).toMatch(/^[\w-]{21}$/);
      expect(created.value.nano8).toMatch(/^[\w-]{8}$/);
      const updated = await twice(() =>
        prisma
          .$operation({ operation: "update", key })
          .everything.update({ where: { key }, data: everything as never }),
      );
      expect(updated.value).toStrictEqual(await prisma.everything.findUnique({ where: { key } }));
      expect(updated.value.updatedAt.getTime()).toBeGreaterThanOrEqual(created.value.updatedAt.getTime());
      const before = await prisma.everything.findUnique({ where: { key } });
      const gone = await twice(() =>
        prisma.$operation({ operation: "delete", key }).everything.delete({ where: { key } }),
      );
      expect(gone).toMatchObject({ effect: "deleted" });
      expect(gone.value).toStrictEqual(before);
      expect(await prisma.everything.findUnique({ where: { key } })).toBeNull();
      const nobody = await twice(() =>
        prisma
          .$operation(op("delete"))
          .everything.delete({ where: { key } })
          .then((outcome) => ({ ...outcome, status: "executed" })),
      ).catch(() => undefined);
      expect(nobody).toBeUndefined();
    });

    test("mapped names, another schema, a composite id and a named composite unique", async () => {
      const tenant = op("tenant").key;
      const data = { tenant, number: 7, series: "A", ref: BigInt(Math.trunc(Math.random() * 1e9)) };
      const { value } = await twice(() =>
        prisma.$operation({ operation: "create", key: tenant }).invoice.create({ data }),
      );
      const where = { tenant_number: { tenant, number: 7 } };
      expect(value).toStrictEqual(await prisma.invoice.findUnique({ where }));
      expect(value).toMatchObject({ total: 9_007_199_254_740_993n, level: "low", rev: 0n });
      const by = { series: "A", ref: data.ref };
      const changed = await twice(() =>
        prisma.$operation({ operation: "by", key: tenant }).invoice.update({
          where: { by_reference: by, rev: 0n },
          data: { total: { increment: 2n }, comment: "x" },
        }),
      );
      expect(changed.value).toStrictEqual(await prisma.invoice.findUnique({ where }));
      expect(changed.value).toMatchObject({ total: 9_007_199_254_740_995n, rev: 1n, comment: "x" });
    });

    test("select, omit and the client's own omit narrow the row, and what the ledger holds", async () => {
      const ref = op("select");
      const email = `${ref.key}@example.com`;
      const selected = await twice(() =>
        prisma.$operation(ref).customer.create({ data: { email, name: "secret" }, select: { email: true } }),
      );
      expect(selected.value).toStrictEqual({ email });
      expect(
        JSON.stringify(await prisma.$ledger.inspect(ref), (_k, v) => (typeof v === "bigint" ? String(v) : v)),
      ).not.toContain("secret");
      const omitted = await prisma
        .$operation(op("omit"))
        .customer.update({ where: { email }, data: { visits: 3 }, omit: { name: true, extra: true } });
      expect(Object.keys(omitted.value).sort()).toStrictEqual(["email", "id", "visits"]);
      const shy = opened.client({}, { omit: { customer: { name: true } } });
      const { value } = await shy
        .$operation(op("shy"))
        .customer.update({ where: { email }, data: { visits: 4 } });
      expect(value).toStrictEqual(await shy.customer.findUnique({ where: { email } }));
      expect(value).not.toHaveProperty("name");
    });

    test("the operation's id is written where the schema asks for it", async () => {
      const ref = op("charge");
      const account = await prisma.account.create({ data: { owner: ref.key } });
      const { value } = await twice(() =>
        prisma.$operation(ref).charge.create({ data: { accountId: account.id, amount: "1.25" } }),
      );
      expect(value).toStrictEqual(await prisma.charge.findUnique({ where: { id: value.id } }));
      expect(value.operationId).toBe((await prisma.$ledger.inspect(ref))?.id);
    });
  });
}

describe.skipIf(!isThere("postgres15"))("a session's time zone", () => {
  test.each(["Asia/Kolkata", "America/New_York"])("%s bends nothing", async (zone) => {
    const opened = await openPrisma("postgres15");
    try {
      const prisma = opened.client(
        {},
        { startup: `-c TimeZone=${zone} -c DateStyle=SQL,DMY -c bytea_output=escape` },
      );
      const key = op("zone").key;
      const data = { ...COMMON, ...LISTS, key, time: new Date("1970-01-01T01:02:03.000Z") } as never;
      const { value } = await twice(() =>
        prisma.$operation({ operation: "zone", key }).everything.create({ data }),
      );
      expect(value.atTz?.toISOString()).toBe("2024-02-29T18:00:00.123Z");
      expect(value.moments).toStrictEqual(LISTS.moments);
      const plain = opened.client({}, { startup: `-c TimeZone=${zone}` });
      expect(value).toStrictEqual(await plain.everything.findUnique({ where: { key } }));
    } finally {
      await opened.close();
    }
  });
});
