/** Compiled, never run: the Prisma extension's surface has the client's own types. */

import { Prisma, PrismaClient } from "../../prisma/generated/postgresql/client/client.js";
import { metadata } from "../../prisma/generated/postgresql/opledger/metadata.js";
import { type Count, opledger } from "../../src/adapters/prisma/index.js";
import type { Effect, OperationRef, Outcome, WriteOutcome } from "../../src/index.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only where both types are the very same. */
function same<A, B>(_: Same<A, B>): void {}

declare const options: ConstructorParameters<typeof PrismaClient>[0];
const ref: OperationRef = { operation: "o", key: "k" };

const before = Prisma.defineExtension({ name: "before", client: { $whoami: () => "me" as const } });
const after = Prisma.defineExtension({
  name: "after",
  model: { account: { richest: async () => 7 as const } },
  result: { account: { label: { needs: { owner: true }, compute: ({ owner }) => `#${owner}` } } },
});
const prisma = new PrismaClient(options).$extends(before).$extends(opledger({ metadata })).$extends(after);

export function made(): void {
  opledger();
  opledger({
    metadata,
    waitMs: 0,
    retentionMs: 1,
    redact: ["owner"],
    schema: "s",
    table: "t",
    timeout: 1,
    maxWait: 1,
  });
  opledger({ metadata, onEvent: ({ type }) => type, storeError: (error) => error });
  // @ts-expect-error no such option: a typo must not pass
  opledger({ metadata, retentionMS: 1 });
  // @ts-expect-error metadata is what the generator wrote
  opledger({ metadata: { models: {} } });
}

export async function onceOfEverything(): Promise<void> {
  const outcome = await prisma.$once(ref, async (tx) => {
    same<ReturnType<typeof tx.$whoami>, "me">(true);
    same<Awaited<ReturnType<typeof tx.account.richest>>, 7>(true);
    const { label } = await tx.account.findUniqueOrThrow({ where: { id: 1 } });
    same<typeof label, string>(true);
    // @ts-expect-error there is no connecting inside of a transaction
    tx.$connect();
    // @ts-expect-error nor extending
    tx.$extends({});
    // @ts-expect-error no such model
    tx.acount;
    await tx.$operation(ref).charge.create({ data: { accountId: 1, amount: 3 } });
    await tx.$once(ref, (inner) => inner.charge.count());
    return { chargeId: "c" };
  });
  same<typeof outcome, Outcome<{ chargeId: string }>>(true);
  await prisma.$once(ref, () => 1, { timeout: 1, maxWait: 1, isolationLevel: "Serializable" });
  // @ts-expect-error no such level
  await prisma.$once(ref, () => 1, { isolationLevel: "Chaos" });
  // @ts-expect-error an operation has a key
  await prisma.$once({ operation: "o" }, () => 1);
}

export async function results(): Promise<void> {
  const once = prisma.$operation(ref);
  const whole = await once.account.update({ where: { id: 1 }, data: { balance: { increment: 1 } } });
  same<typeof whole.effect, Effect>(true);
  same<typeof whole.status, "executed" | "replayed">(true);
  same<typeof whole.value.balance, number>(true);
  same<typeof whole.value.label, string>(true);

  const selected = await once.account.update({
    where: { id: 1 },
    data: {},
    select: { id: true, label: true },
  });
  same<typeof selected, WriteOutcome<{ id: number; label: string }>>(true);
  // @ts-expect-error not selected
  selected.value.owner;

  const omitted = await once.charge.create({ data: { accountId: 1, amount: "1.50" }, omit: { note: true } });
  same<typeof omitted.value.amount, Prisma.Decimal>(true);
  // @ts-expect-error omitted
  omitted.value.note;

  const included = await once.charge.create({
    data: { amount: 1, account: { connect: { id: 1 } } },
    include: { account: { select: { owner: true } } },
  });
  same<typeof included.value.account, { owner: string }>(true);

  const upserted = await once.customer.upsert({
    where: { email: "a@b" },
    create: { email: "a@b", name: "A" },
    update: { name: "A" },
    select: { id: true },
  });
  same<typeof upserted, WriteOutcome<{ id: number }>>(true);

  const deleted = await once.tag.delete({ where: { label: "x" }, select: { id: true } });
  same<typeof deleted, WriteOutcome<{ id: number } | null>>(true);

  const many = await once.tag.createMany({ data: [{ label: "a" }, { label: "b" }] });
  same<typeof many, Outcome<Count>>(true);
  const updated = await once.tag.updateMany({ where: { id: { gt: 1 } }, data: { label: "c" } });
  same<typeof updated.value.count, number>(true);
  // @ts-expect-error many rows have no one effect
  updated.effect;
}

export async function args(): Promise<void> {
  const once = prisma.$operation(ref);
  await once.account.update({ where: { id: 1, version: 3 }, data: { status: "CLOSED" } });
  await once.invoice.update({
    where: { tenant_number: { tenant: "t", number: 1 }, rev: 3n },
    data: { total: { decrement: 5n } },
  });
  await once.invoice.update({ where: { by_reference: { series: "A", ref: 1n } }, data: { comment: null } });
  // @ts-expect-error no such field in where
  await once.account.update({ where: { id: 1, vresion: 3 }, data: { status: "CLOSED" } });
  // @ts-expect-error nothing of where is unique
  await once.account.update({ where: { version: 3 }, data: { status: "CLOSED" } });
  // @ts-expect-error no such field in data
  await once.account.update({ where: { id: 1 }, data: { staus: "CLOSED" } });
  // @ts-expect-error no such value
  await once.account.update({ where: { id: 1 }, data: { status: "closed" } });
  // @ts-expect-error no such field to select
  await once.account.update({ where: { id: 1 }, data: {}, select: { nope: true } });
  // @ts-expect-error the name is missing
  await once.customer.create({ data: { email: "a@b" } });
  // @ts-expect-error no such field in create
  await once.customer.upsert({ where: { id: 1 }, create: { email: "", name: "", nme: "" }, update: {} });
  // @ts-expect-error no such field
  await once.tag.updateMany({ where: { lable: "x" }, data: {} });
  // @ts-expect-error a bound operation reads nothing
  once.account.findMany;
  // @ts-expect-error no such model
  once.acount;
  // @ts-expect-error what is no model cannot be bound
  once.$transaction;
}

export async function inTransaction(): Promise<void> {
  await prisma.$transaction(async (tx) => {
    const { value } = await tx.$operation(ref).account.delete({ where: { id: 1 } });
    same<typeof value extends { label: string } | null ? true : false, true>(true);
    same<ReturnType<typeof tx.$whoami>, "me">(true);
  });
  await prisma.$ledger.sweep({ limit: 1 });
  await prisma.$ledger.inspect(ref);
}
