import { PrismaPg } from "@prisma/adapter-pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PrismaClient } from "../../prisma/generated/postgresql/client/client.js";
import { metadata } from "../../prisma/generated/postgresql/opledger/metadata.js";
import { ledgerStatementName, opledger } from "../../src/adapters/prisma/index.js";
import { newKey } from "../../src/index.js";
import { serverUrl } from "../servers/use.js";
import { type Opened, openDatabase } from "./open.js";

describe.skipIf(serverUrl("postgres15") === undefined)("on one connection", () => {
  let opened: Opened;
  let prisma: ReturnType<typeof connect>;

  function connect(connectionString: string) {
    const options = { statementNameGenerator: ledgerStatementName };
    const adapter = new PrismaPg({ connectionString, max: 1 }, options);
    return new PrismaClient({ adapter }).$extends(opledger({ metadata }));
  }

  beforeAll(async () => {
    opened = await openDatabase("postgres15");
    prisma = connect(opened.url);
    await prisma.account.create({ data: { id: 1, owner: "a" } });
  });
  afterAll(async () => {
    await prisma?.$disconnect();
    await opened?.drop();
  });

  it("the ledger's statements are planned once each, and Prisma's own are left as they were", async () => {
    const topUp = () =>
      prisma.$operation({ operation: "top_up", key: newKey() }).account.update({
        where: { id: 1 },
        data: { balance: { increment: 1 } },
      });
    for (let count = 0; count < 3; count += 1) await topUp();
    await prisma.account.findMany();
    const found = await prisma.$queryRaw<{ name: string; plans: bigint }[]>`
      SELECT name, generic_plans + custom_plans AS plans FROM pg_prepared_statements`;
    expect(found).toEqual([{ name: expect.stringMatching(/^opledger_[0-9a-f]{32}$/), plans: 3n }]);
    expect((await topUp()).value.balance).toBe(4);
  });
});

it("a statement with a comment behind it has no name, since the next one may have another", () => {
  expect(ledgerStatementName({ sql: "SELECT opledger /*traceparent='00-1'*/" })).toBe("");
});

it("no more than so many names are made", () => {
  const named = Array.from({ length: 3_000 }, (_, at) => ledgerStatementName({ sql: `opledger ${at}` }));
  expect(new Set(named.filter((name) => name !== "")).size).toBeLessThanOrEqual(1_000);
  expect(ledgerStatementName({ sql: "opledger 0" })).toBe(named[0]);
  expect(named.at(-1)).toBe("");
});
