import { PrismaPg } from "@prisma/adapter-pg";
import type { IncrementArgs, InsertArgs, UpdateArgs } from "opledger";
import { type BoundOperation, ledgerStatementName, opledger } from "opledger/prisma";
import pg from "pg";
import { PrismaClient } from "../prisma/generated/bench/client/client.js";
import { metadata } from "../prisma/generated/bench/opledger/metadata.js";
import type { BareValues, Driver } from "./subject.js";

/** Prisma Client as its users have it: over a pool of `pg`, extended once. */
export function prismaDriver(connectionString: string, connections: number): Driver {
  const pool = new pg.Pool({ connectionString, max: connections, idleTimeoutMillis: 0 });
  const bare = new PrismaClient({
    adapter: new PrismaPg(pool, { statementNameGenerator: ledgerStatementName }),
  });
  const prisma = extended(bare);
  return {
    ledger: { operation: (ref) => new Writes(prisma.$operation(ref)) },
    bare: <K extends keyof BareValues>(kind: K, values: BareValues[K]) => bareCall(bare, kind, values),
    handWritten: (key, amount, id) => handWritten(bare, key, amount, id),
    async once(operation, amount, id) {
      const data = { balance: { increment: amount } };
      return (await prisma.$once(operation, (tx) => tx.account.update({ where: { id }, data }))).status;
    },
    async close() {
      await bare.$disconnect();
      await pool.end();
    },
  };
}

function extended(client: PrismaClient) {
  return client.$extends(opledger({ metadata }));
}

/** The bound writes that are measured, in Prisma's own words. */
class Writes {
  constructor(readonly once: BoundOperation<ReturnType<typeof extended>>) {}

  insert({ values: { id, account, amount, note } }: InsertArgs) {
    return this.once.payment.create({
      data: { id: String(id), account: Number(account), amount: Number(amount), note: String(note) },
    });
  }

  update({ where: { id }, version, set: { status } }: UpdateArgs) {
    return this.once.account.update({
      where: { id: Number(id), version: Number(version) },
      data: { status: String(status) },
    });
  }

  increment({ where: { id }, by: { balance } }: IncrementArgs) {
    return this.once.account.update({
      where: { id: Number(id) },
      data: { balance: { increment: Number(balance) } },
    });
  }
}

async function bareCall<K extends keyof BareValues>(
  { account: accounts, payment: payments }: PrismaClient,
  kind: K,
  values: BareValues[K],
): Promise<number> {
  const [first, second, third, note] = values;
  switch (kind) {
    case "update": {
      const data = { balance: { increment: first as number } };
      return accounts.update({ where: { id: second as number }, data }).then(() => 1);
    }
    case "insert": {
      const data = {
        id: first as string,
        account: second as number,
        amount: third as number,
        note: note as string,
      };
      return payments.create({ data }).then(() => 1);
    }
    case "versioned": {
      const where = { id: second as number, version: third as number };
      const data = { status: first as string, version: { increment: 1 } };
      return accounts.update({ where, data }).then(() => 1);
    }
    default:
      return accounts.findUniqueOrThrow({ where: { id: first as number } }).then(() => 1);
  }
}

/** What users of Prisma write today: a table of keys, and an interactive transaction. */
function handWritten(prisma: PrismaClient, key: string, amount: number, id: number): Promise<number> {
  return prisma.$transaction(async (tx) => {
    await tx.handLedger.create({ data: { key, createdAt: new Date() } });
    const row = await tx.account.update({ where: { id }, data: { balance: { increment: amount } } });
    const result = { ...row, balance: String(row.balance) };
    await tx.handLedger.update({ where: { key }, data: { result } });
    return 1;
  });
}
