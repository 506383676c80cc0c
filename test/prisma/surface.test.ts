import { skip } from "@prisma/client/runtime/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MissingMetadataError, opledger } from "../../src/adapters/prisma/index.js";
import { isThere, op, openPrisma, PRISMA_ENGINES, type Prisma, type TestClient, twice } from "./cases.js";
import { postgresClient } from "./open.js";

for (const engine of PRISMA_ENGINES) {
  describe.skipIf(!isThere(engine))(`$once and $operation on ${engine}`, () => {
    let opened: Prisma;
    let prisma: TestClient;
    beforeAll(async () => {
      opened = await openPrisma(engine);
      prisma = opened.prisma;
    });
    afterAll(() => opened.close());

    const account = async (balance = 0) =>
      (await prisma.account.create({ data: { owner: op("o").key, balance } })).id;
    const fallbacks = (operation: string) =>
      opened.events.flatMap((event) =>
        event.type === "fallback" && event.operation.operation === operation ? [event.reason] : [],
      );

    test("an increment is logged: however often it is retried, it is added once", async () => {
      const id = await account(10);
      const ref = op("increment");
      const add = () =>
        prisma.$operation(ref).account.update({ where: { id }, data: { balance: { increment: 5 } } });
      const { value } = await twice(add);
      expect(value.balance).toBe(15);
      await prisma.account.update({ where: { id }, data: { balance: 99 } });
      expect((await add()).value.balance).toBe(15);
      expect(
        await prisma
          .$operation(op("increment"))
          .account.update({ where: { id }, data: { balance: { decrement: 9 }, owner: "me" } }),
      ).toMatchObject({ value: { balance: 90, owner: "me" } });
      expect(fallbacks("increment")).toStrictEqual([]);
    });

    test("the version field in `where` makes a compare-and-set, which one of many wins", async () => {
      const id = await account();
      const close = (ref: ReturnType<typeof op>) =>
        prisma.$operation(ref).account.update({ where: { id, version: 1 }, data: { status: "CLOSED" } });
      const refs = Array.from({ length: 5 }, () => op("close"));
      const ended = await Promise.allSettled(refs.map(close));
      expect(ended.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const each of ended) {
        if (each.status === "rejected")
          expect(each.reason).toMatchObject({ code: "OPLEDGER_VERSION_CONFLICT", expected: 1, actual: 2 });
      }
      const winner = refs[ended.findIndex(({ status }) => status === "fulfilled")] ?? op("none");
      expect(await close(winner)).toMatchObject({
        status: "replayed",
        value: { version: 2, status: "CLOSED" },
      });
      const own = { version: 5 };
      await expect(
        prisma.$operation(op("own")).account.update({ where: { id, version: 2 }, data: own }),
      ).rejects.toThrow(TypeError);
    });

    test("upsert is one statement, and racing ones make one row", async () => {
      const email = `${op("e").key}@example.com`;
      const ref = op("upsert");
      const upsert = (which: ReturnType<typeof op>) =>
        prisma.$operation(which).customer.upsert({
          where: { email },
          create: { email, name: "new", visits: 1 },
          update: { visits: { increment: 1 }, name: "again" },
        });
      const ended = await Promise.all([ref, op("upsert"), op("upsert"), ref].map(upsert));
      expect(
        ended.filter(({ effect, status }) => effect === "inserted" && status === "executed"),
      ).toHaveLength(1);
      expect(await prisma.customer.findUnique({ where: { email } })).toMatchObject({
        visits: 3,
        name: "again",
      });
      const kept = await prisma
        .$operation(op("keep"))
        .customer.upsert({ where: { email }, create: { email, name: "x" }, update: {} });
      expect(kept).toMatchObject({ effect: "unchanged", value: { name: "again", visits: 3 } });
      expect([...fallbacks("upsert"), ...fallbacks("keep")]).toStrictEqual([]);
    });

    test("a nested write, an include and several rows fall back, and say so", async () => {
      const id = await account();
      const create = () =>
        prisma.$operation({ operation: "nested", key: String(id) }).account.create({
          data: { owner: "n", charges: { create: [{ amount: "1.10" }, { amount: 2 }] } },
          include: { charges: { orderBy: { amount: "asc" } } },
        });
      const { value } = await twice(create);
      expect(value.charges.map(({ amount }) => String(amount))).toStrictEqual(["1.1", "2"]);
      expect(value).toStrictEqual(
        await prisma.account.findUnique({
          where: { id: value.id },
          include: { charges: { orderBy: { amount: "asc" } } },
        }),
      );
      const many = { data: [{ label: `${id}-a` }, { label: `${id}-b` }] };
      expect(
        await twice(() => prisma.$operation({ operation: "many", key: String(id) }).tag.createMany(many)),
      ).toStrictEqual({ status: "executed", value: { count: 2 } });
      const all = { where: { label: { startsWith: `${id}-` } }, data: { label: { set: `${id}-c` } } };
      await expect(prisma.$operation(op("many")).tag.updateMany(all)).rejects.toMatchObject({
        code: "P2002",
      });
      const visit = { where: { label: `${id}-a` }, data: { label: `${id}-z` } };
      expect(
        await twice(() => prisma.$operation({ operation: "some", key: String(id) }).tag.updateMany(visit)),
      ).toStrictEqual({ status: "executed", value: { count: 1 } });
      expect(await prisma.tag.count({ where: { label: `${id}-z` } })).toBe(1);
      const bump = () =>
        prisma.$operation({ operation: "bump", key: String(id) }).account.update({
          where: { id, version: 1 },
          data: { balance: { multiply: 2 }, charges: { create: { amount: 3 } } },
          select: { version: true, charges: { select: { amount: true } } },
        });
      expect((await twice(bump)).value).toMatchObject({ version: 2, charges: [{}] });
      const stale = prisma
        .$operation(op("bump"))
        .account.update({ where: { id, version: 1 }, data: { balance: { multiply: 2 } } });
      await expect(stale).rejects.toMatchObject({ code: "OPLEDGER_VERSION_CONFLICT", actual: 2 });
      expect(
        await prisma.$operation(op("gone")).account.delete({ where: { id: -1 }, include: { charges: true } }),
      ).toMatchObject({ effect: "unchanged", value: null });
      expect([...fallbacks("nested"), ...fallbacks("many"), ...fallbacks("gone")]).toStrictEqual([
        "`include`",
        "several rows",
        "`include`",
      ]);
    });

    test("refusals: no row, a known key with other arguments, a unique violation, what Prisma itself refuses", async () => {
      const missing = prisma.$operation(op("r")).account.update({ where: { id: -1 }, data: { owner: "x" } });
      await expect(missing).rejects.toMatchObject({ code: "OPLEDGER_ROW_NOT_FOUND" });
      const ref = op("mismatch");
      await prisma.$operation(ref).tag.create({ data: { label: ref.key } });
      await expect(prisma.$operation(ref).tag.create({ data: { label: "other" } })).rejects.toMatchObject({
        code: "OPLEDGER_FINGERPRINT_MISMATCH",
      });
      await expect(prisma.$operation(ref).tag.delete({ where: { label: ref.key } })).rejects.toMatchObject({
        code: "OPLEDGER_FINGERPRINT_MISMATCH",
      });
      await expect(prisma.$operation(op("r")).tag.create({ data: { label: ref.key } })).rejects.toMatchObject(
        { code: "P2002", meta: { modelName: "Tag" } },
      );
      await expect(prisma.$operation(op("r")).tag.create({ data: {} as never })).rejects.toThrow(/label/);
      await expect(prisma.$operation(op("r")).tag.create({ data: { label: 7 } as never })).rejects.toThrow(
        /label/,
      );
    });

    test("a retry replays what the first run left, whichever way each of them goes", async () => {
      const id = await account(1);
      const [one, other, gone] = [op("one"), op("other"), op("gone")];
      const bound = (ref: ReturnType<typeof op>) => prisma.$operation({ ...ref, payload: id });
      const plain = { where: { id }, data: { balance: { increment: 1 } } };
      const wide = { ...plain, include: { charges: true } };
      const first = await bound(one).account.update(plain);
      const again = await bound(one).account.update(wide);
      expect(again).toStrictEqual({ ...first, status: "replayed" });
      const whole = await bound(other).account.update(wide);
      expect(await bound(other).account.update(plain)).toStrictEqual({
        ...whole,
        status: "replayed",
      });
      expect(whole.value).toMatchObject({ balance: 3, charges: [] });
      const nobody = { where: { id: -1 } };
      const none = await bound(gone).account.delete(nobody);
      expect(await bound(gone).account.delete({ ...nobody, include: { charges: true } })).toStrictEqual({
        ...none,
        status: "replayed",
      });
      // As after a release that adds an extension.
      const tenant = op("tenant").key;
      const data = { tenant, number: 1, series: tenant, ref: 1n };
      const create = (client: TestClient) =>
        client.$operation({ operation: "invoice", key: tenant }).invoice.create({ data });
      const hook = {
        query: { invoice: { create: ({ args, query }: never) => (query as (a: unknown) => unknown)(args) } },
      };
      const before = await create(prisma);
      expect(await create(opened.client().$extends(hook as never) as unknown as TestClient)).toStrictEqual({
        ...before,
        status: "replayed",
      });
    });

    test("`Prisma.skip` leaves a field as it is, and is no part of the fingerprint", async () => {
      const email = `${op("e").key}@example.com`;
      await prisma.customer.create({ data: { email, name: "n", extra: { kept: true } } });
      const ref = op("skip");
      const given = { where: { email }, data: { visits: 2, name: skip as never, extra: skip as never } };
      const { value } = await twice(() => prisma.$operation(ref).customer.update(given));
      expect(value).toMatchObject({ visits: 2, name: "n", extra: { kept: true } });
      const left = { where: { email }, data: { visits: 2 } };
      expect((await prisma.$operation(ref).customer.update(left)).status).toBe("replayed");
    });

    test("$once keeps its effect and its result together, and joins a transaction", async () => {
      const ref = op("once");
      const run = (client: TestClient) =>
        client.$once(ref, async (tx) => {
          const made = await tx.tag.create({ data: { label: ref.key } });
          return { id: made.id, big: 1n, at: new Date(0) };
        });
      const failed = prisma.$transaction(async (tx) => {
        expect((await run(tx as unknown as TestClient)).status).toBe("executed");
        expect((await run(tx as unknown as TestClient)).status).toBe("replayed");
        throw new Error("rolled back");
      });
      await expect(failed).rejects.toThrow("rolled back");
      expect(await prisma.tag.count({ where: { label: ref.key } })).toBe(0);
      const first = await run(prisma);
      expect(await run(prisma)).toStrictEqual({ ...first, status: "replayed" });
      expect(await prisma.tag.count({ where: { label: ref.key } })).toBe(1);
    });

    test("writes of one transaction that run at once take turns, and one that fails leaves the others", async () => {
      const id = await account();
      const good = Array.from({ length: 4 }, () => op("turn"));
      const ended = await prisma.$transaction(async (tx) =>
        Promise.allSettled([
          ...good.map((ref) =>
            tx.$operation(ref).account.update({ where: { id }, data: { balance: { increment: 1 } } }),
          ),
          tx.$operation(op("turn")).account.update({ where: { id: -1 }, data: { owner: "x" } }),
          tx.$once(op("turn"), async (inner) => inner.$once(op("deep"), () => "deep")),
        ]),
      );
      expect(ended.map(({ status }) => status)).toStrictEqual([
        ...good.map(() => "fulfilled"),
        "rejected",
        "fulfilled",
      ]);
      expect((await prisma.account.findUnique({ where: { id } }))?.balance).toBe(4);
    });

    test("a batch of Prisma's refuses a bound write, and the work its own; nothing runs", async () => {
      const label = op("batch").key;
      const bound = prisma.$operation(op("batch")).tag.create({ data: { label } });
      await expect(prisma.$transaction([bound as never])).rejects.toThrow(/\$transaction\(async/);
      const inside = prisma.$once(op("batch"), (tx) =>
        (tx as unknown as TestClient).$transaction([
          (tx as unknown as TestClient).tag.create({ data: { label } }),
        ]),
      );
      await expect(inside).rejects.toThrow(/outside of the operation's transaction/);
      expect(await prisma.tag.count({ where: { label } })).toBe(0);
    });
  });
}

describe.skipIf(!isThere("postgres15"))("the extension itself", () => {
  test("says what to add where the schema's metadata is missing, and refuses another schema's", async () => {
    const client = postgresClient("postgres://localhost:1/none");
    const bare = client.$extends(opledger());
    expect(() => bare.$operation(op("bare"))).toThrow(MissingMetadataError);
    expect(() => bare.$operation(op("bare"))).toThrow(/generator opledger/);
    const other = { format: 1, provider: "mysql", models: {}, enums: {} } as const;
    expect(() => client.$extends(opledger({ metadata: other }))).toThrow(/mysql/);
    expect(() => client.$extends(opledger({ metadata: { ...other, format: 2 as never } }))).toThrow(
      /prisma generate/,
    );
    await client.$disconnect();
  });

  test("Prisma's options pass through, and another isolation level's failure is retried", async () => {
    const opened = await openPrisma("postgres15");
    try {
      const { prisma } = opened;
      const id = (await prisma.account.create({ data: { owner: "s" } })).id;
      const add = (key: string) =>
        prisma.$once(
          { operation: "serial", key },
          async (tx) => {
            const { balance } = await tx.account.findUniqueOrThrow({ where: { id } });
            await tx.account.update({ where: { id }, data: { balance: balance + 1 } });
          },
          { isolationLevel: "Serializable", timeout: 20_000, maxWait: 20_000 },
        );
      await Promise.all(Array.from({ length: 6 }, (_, n) => add(String(n))));
      expect((await prisma.account.findUnique({ where: { id } }))?.balance).toBe(6);
      const slow = prisma.$once(op("slow"), (tx) => tx.$queryRawUnsafe("SELECT pg_sleep(2)::text"), {
        timeout: 300,
      });
      await expect(slow).rejects.toMatchObject({ code: "P2028" });
      const swallowed = prisma.$once(op("swallow"), async (tx) => {
        await tx.tag.create({ data: { label: "kept?" } });
        await tx.$executeRawUnsafe("SELECT * FROM no_such_table").catch(() => {});
        return "looks fine";
      });
      await expect(swallowed).rejects.toMatchObject({ code: "OPLEDGER_ROLLED_BACK" });
      expect(await prisma.tag.count()).toBe(0);
    } finally {
      await opened.close();
    }
  });
});
