/** PGlite is one backend for every connection, so that it proves nothing about locks; what it can run, it must run right. */
import { PGlite } from "@electric-sql/pglite";
import { PrismaPGlite } from "pglite-prisma-adapter";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PrismaClient } from "../../prisma/generated/postgresql/client/client.js";
import { metadata } from "../../prisma/generated/postgresql/opledger/metadata.js";
import { opledger } from "../../src/adapters/prisma/index.js";
import { newKey, VersionConflictError } from "../../src/index.js";
import { migrationTexts } from "./migrations.js";

function connect(db: PGlite) {
  return new PrismaClient({ adapter: new PrismaPGlite(db) }).$extends(opledger({ metadata }));
}

describe("the extension on PGlite", () => {
  let db: PGlite;
  let prisma: ReturnType<typeof connect>;
  const ref = (operation: string) => ({ operation, key: newKey() });
  const more = { where: { id: 1 }, data: { balance: { increment: 5 } } } as const;
  const balance = async (): Promise<number> =>
    (await prisma.account.findUniqueOrThrow({ where: { id: 1 } })).balance;

  beforeAll(async () => {
    db = new PGlite();
    for (const part of ["opledger", "tables"] as const) {
      for (const text of migrationTexts("postgresql", part)) await db.exec(text);
    }
    prisma = connect(db);
    await prisma.account.create({ data: { id: 1, owner: "a" } });
  });
  afterAll(async () => {
    await prisma?.$disconnect();
    await db?.close();
  });

  it("applies a write once, also where duplicates come at the same moment", async () => {
    const before = await balance();
    const once = prisma.$operation(ref("top_up"));
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => once.account.update(more)));
    expect(outcomes.filter(({ status }) => status === "executed")).toHaveLength(1);
    expect(new Set(outcomes.map(({ value }) => value.balance))).toEqual(new Set([before + 5]));
    expect(await balance()).toBe(before + 5);
  });

  it("runs work once, and not at all where it fails", async () => {
    const before = await balance();
    const operation = ref("work");
    const failing = prisma.$once(operation, async (tx) => {
      await tx.account.update(more);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await balance()).toBe(before);
    const work = () => prisma.$once(operation, async (tx) => (await tx.account.update(more)).balance);
    expect([await work(), await work()]).toEqual([
      { status: "executed", value: before + 5 },
      { status: "replayed", value: before + 5 },
    ]);
  });

  it("joins a transaction", async () => {
    const before = await balance();
    const operation = ref("joined");
    const undone = prisma.$transaction(async (tx) => {
      await tx.$operation(operation).account.update(more);
      throw new Error("undone");
    });
    await expect(undone).rejects.toThrow("undone");
    expect(await balance()).toBe(before);
    const { status } = await prisma.$transaction((tx) => tx.$operation(operation).account.update(more));
    expect([status, await balance()]).toEqual(["executed", before + 5]);
  });

  it("refuses a stale version", async () => {
    const stale = prisma.$operation(ref("close")).account.update({
      where: { id: 1, version: 9 },
      data: { status: "CLOSED" },
    });
    await expect(stale).rejects.toBeInstanceOf(VersionConflictError);
  });
});
