import type { Outcome, WriteOutcome } from "opledger";
import type { Database } from "./client.js";
import { Declined } from "./declined.js";

/** What came in: who asks, taken from the session, and the `Idempotency-Key` that the client sends with every retry. */
export interface Request<Body> {
  readonly client: string;
  readonly key: string;
  readonly body: Body;
}

export interface Receipt {
  readonly chargeId: string;
  readonly balance: number;
}

/** The service: five endpoints, each of which may be called again with the same key at any time, also at the same time. */
export class Payments {
  constructor(readonly db: Database) {}

  /** One statement, `INSERT … ON CONFLICT … DO UPDATE`: two sign-ups at once make one customer. */
  signUp({
    client,
    key,
    body,
  }: Request<{ email: string; name: string }>): Promise<WriteOutcome<{ name: string }>> {
    return this.db.$operation({ operation: "sign_up", scope: client, key }).customer.upsert({
      where: { email: body.email },
      create: body,
      update: { name: body.name },
      select: { name: true },
    });
  }

  openAccount({ client, key }: Request<null>): Promise<WriteOutcome<{ id: number; version: number }>> {
    return this.db.$operation({ operation: "open_account", scope: client, key }).account.create({
      data: { owner: client },
      select: { id: true, version: true },
    });
  }

  /** One statement: the increment is logged with its operation, and applies once per key. */
  topUp({
    client,
    key,
    body,
  }: Request<{ account: number; amount: number }>): Promise<WriteOutcome<{ balance: number }>> {
    return this.db.$operation({ operation: "top_up", scope: client, key }).account.update({
      where: { id: body.account },
      data: { balance: { increment: body.amount } },
      select: { balance: true },
    });
  }

  /** Several statements: a transaction that runs once, with whatever decisions it takes in between. */
  charge(
    { client, key, body }: Request<{ account: number; amount: number }>,
    beforeCommit?: () => void,
  ): Promise<Outcome<Receipt>> {
    const operation = { operation: "charge", scope: client, key, payload: body };
    return this.db.$once(operation, async (tx) => {
      const { count } = await tx.account.updateMany({
        where: { id: body.account, status: "OPEN", balance: { gte: body.amount } },
        data: { balance: { decrement: body.amount } },
      });
      if (count === 0) throw new Declined("insufficient funds");
      const charge = await tx.charge.create({ data: { accountId: body.account, amount: body.amount } });
      const { balance } = await tx.account.findUniqueOrThrow({ where: { id: body.account } });
      beforeCommit?.();
      return { chargeId: charge.id, balance };
    });
  }

  /** Compare-and-set: `version` is marked `@opledger.version` in the schema, and is bumped by the update itself. */
  close({
    client,
    key,
    body,
  }: Request<{ account: number; version: number }>): Promise<WriteOutcome<{ version: number }>> {
    return this.db.$operation({ operation: "close", scope: client, key }).account.update({
      where: { id: body.account, version: body.version },
      data: { status: "CLOSED" },
      select: { version: true },
    });
  }
}
