import { afterAll, beforeAll, expect, test } from "vitest";
import { metadata } from "../../prisma/generated/postgresql/opledger/index.js";
import { opledger } from "../../src/adapters/prisma/index.js";
import { type Opened, openDatabase, postgresClient } from "./open.js";

let opened: Opened;
const make = () =>
  postgresClient(opened.url).$extends(opledger({ metadata, onEvent: (e) => console.log(JSON.stringify(e)) }));
let prisma: ReturnType<typeof make>;
beforeAll(async () => {
  opened = await openDatabase("postgres15");
  prisma = make();
});
afterAll(async () => {
  await prisma.$disconnect();
  await opened.drop();
});

test("smoke", async () => {
  const a = await prisma.$operation({ operation: "c", key: "1" }).account.create({ data: { owner: "x" } });
  console.log(
    a,
    await prisma.$operation({ operation: "c", key: "1" }).account.create({ data: { owner: "x" } }),
  );
  console.log(await prisma.account.findMany());
  const id = a.value.id;
  console.log(
    await prisma
      .$operation({ operation: "i", key: "1" })
      .account.update({ where: { id }, data: { balance: { increment: 5 } } }),
  );
  console.log(
    await prisma
      .$operation({ operation: "v", key: "1" })
      .account.update({ where: { id, version: 1 }, data: { status: "CLOSED" } }),
  );
  console.log(
    await prisma.$once(
      { operation: "o", key: "1" },
      async (tx) => (await tx.account.update({ where: { id }, data: { owner: "y" } })).owner,
    ),
  );
  console.log(
    await prisma.$transaction(async (tx) =>
      tx
        .$operation({ operation: "j", key: "1" })
        .account.update({ where: { id }, data: { owner: "z" }, select: { owner: true } }),
    ),
  );
  console.log(
    await prisma
      .$operation({ operation: "n", key: "1" })
      .charge.create({ data: { amount: "1.50", account: { connect: { id } } }, include: { account: true } }),
  );
  console.log(
    await prisma
      .$operation({ operation: "u", key: "1" })
      .customer.upsert({
        where: { email: "e" },
        create: { email: "e", name: "n" },
        update: { visits: { increment: 1 } },
      }),
  );
  console.log(
    await prisma
      .$operation({ operation: "u", key: "2" })
      .customer.upsert({
        where: { email: "e" },
        create: { email: "e", name: "n" },
        update: { visits: { increment: 1 } },
      }),
  );
  await prisma
    .$operation({ operation: "u", key: "3" })
    .customer.create({ data: { email: "e", name: "n" } })
    .catch((e) => console.log(e));
  await prisma.customer
    .create({ data: { email: "e", name: "n" } })
    .catch((e) => console.log(e, JSON.stringify(e.meta)));
  console.log(
    await prisma.$operation({ operation: "d", key: "1" }).customer.delete({ where: { email: "e" } }),
    await prisma.$ledger.sweep(),
  );
  expect(1).toBe(1);
});
