/** What transactions of PostgreSQL do under the extension: retries, Prisma's own options, turns, and how much is sent. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { metadata } from "../../prisma/generated/postgresql/opledger/metadata.js";
import { driverCause, prismaCode } from "../../src/adapters/prisma/failure.js";
import { opledger } from "../../src/adapters/prisma/index.js";
import type { LedgerEvent } from "../../src/index.js";
import { gate } from "../conformance/helpers.js";
import { isThere, op, openPrisma, type Prisma, type TestClient, twice } from "./cases.js";
import { postgresClient } from "./open.js";

/** Refuses a change of a row named `owner`, as a serialization failure, as long as `failing` rows are left. */
const REFUSAL = (name: string, when: string): string => `
CREATE SEQUENCE ${name}_tries;
CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.owner = '${name}' AND nextval('${name}_tries') % 2 = 1 THEN
    RAISE EXCEPTION 'made up by the test' USING ERRCODE = '40001';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ${name} AFTER UPDATE ON accounts ${when} FOR EACH ROW EXECUTE FUNCTION ${name}()`;

describe.skipIf(!isThere("postgres15"))("transactions on postgres15", () => {
  let opened: Prisma;
  let prisma: TestClient;
  beforeAll(async () => {
    opened = await openPrisma("postgres15");
    prisma = opened.prisma;
    await opened.query(REFUSAL("at_commit", "DEFERRABLE INITIALLY DEFERRED"));
    await opened.query(REFUSAL("at_once", ""));
  });
  afterAll(() => opened?.close());
  const account = async (owner = "o") => (await prisma.account.create({ data: { owner } })).id;
  const more = (id: number) => ({ where: { id }, data: { balance: { increment: 1 } } });
  const retries = (operation: string) =>
    opened.events.flatMap((event) =>
      event.type === "retried" && event.operation.operation === operation ? [event.reason] : [],
    );

  test("a serialization failure that only COMMIT reports has no code of Prisma's, and is retried all the same", async () => {
    const id = await account("at_commit");
    const bare = await prisma
      .$transaction((tx) => tx.account.update(more(id)))
      .catch((error: unknown) => error);
    expect(prismaCode(bare)).toBeUndefined();
    expect(driverCause(bare)?.kind).toBe("TransactionWriteConflict");
    const ref = op("commit");
    let runs = 0;
    const outcome = await prisma.$once(ref, async (tx) => {
      runs += 1;
      return (await tx.account.update(more(id))).balance;
    });
    // The bare transaction took the first try; so the operation gets through, and the next one is refused once.
    expect([outcome.value, runs]).toStrictEqual([1, 1]);
    const second = await prisma.$once(op("commit"), async (tx) => {
      runs += 1;
      return (await tx.account.update(more(id))).balance;
    });
    expect([second, runs, retries("commit")]).toStrictEqual([
      { status: "executed", value: 2 },
      3,
      ["conflict"],
    ]);
    // A bound write is its own transaction, whose COMMIT answers its one statement.
    await prisma.$operation(op("even")).account.update(more(id));
    expect((await prisma.$operation(op("bound")).account.update(more(id))).value.balance).toBe(4);
    expect(retries("bound")).toStrictEqual(["conflict"]);
  });

  test("so is one that a statement of the work reports, as P2034", async () => {
    const id = await account("at_once");
    const seen: unknown[] = [];
    const { value } = await prisma.$once(op("statement"), (tx) =>
      tx.account.update(more(id)).catch((error: unknown) => {
        seen.push(prismaCode(error));
        throw error;
      }),
    );
    expect([value.balance, seen, retries("statement")]).toStrictEqual([1, ["P2034"], ["conflict"]]);
  });

  test("`maxWait` bounds the wait for a connection, and says that nothing was sent", async () => {
    const narrow = postgresClient(opened.url, { connections: 1 });
    const client = narrow.$extends(opledger({ metadata }));
    const [begun, finish] = [gate(), gate()];
    const holding = narrow.$transaction(
      async () => {
        begun.open();
        await finish.opened;
      },
      { timeout: 60_000 },
    );
    await begun.opened;
    try {
      let ran = false;
      const late = client.$once(
        op("late"),
        () => {
          ran = true;
        },
        { maxWait: 50 },
      );
      const refused = await late.catch((error: unknown) => error as Error);
      expect(refused).toMatchObject({ code: "OPLEDGER_ROLLED_BACK", retryable: true });
      expect(refused).toMatchObject({ cause: { cause: { code: "P2028" } } });
      expect(ran).toBe(false);
    } finally {
      finish.open();
      await holding;
      await client.$disconnect();
    }
  });

  test("the client's own `transactionOptions` hold for the extension too, unless it is told otherwise", async () => {
    const client = postgresClient(opened.url, { transactionOptions: { timeout: 300 } });
    const work = (tx: Pick<typeof client, "$queryRawUnsafe">) =>
      tx.$queryRawUnsafe("SELECT pg_sleep(1)::text");
    const told = client.$extends(opledger({ metadata, timeout: 20_000 }));
    const untold = client.$extends(opledger({ metadata }));
    await expect(untold.$once(op("slow"), work)).rejects.toMatchObject({ code: "P2028" });
    expect((await told.$once(op("slow"), work)).status).toBe("executed");
    expect((await untold.$once(op("slow"), work, { timeout: 20_000 })).status).toBe("executed");
    await client.$disconnect();
  });

  test("transactions that the work nests at the same moment take turns, with each other and with bound writes", async () => {
    const id = await account();
    const add = (tx: TestClient) => tx.account.update(more(id));
    const { value } = await prisma.$once(op("nest"), async (outer) => {
      const tx = outer as unknown as TestClient;
      const failing = tx.$transaction(async (inner) => {
        await add(inner as unknown as TestClient);
        throw new Error("undone");
      });
      const ended = await Promise.allSettled([
        failing,
        tx.$operation(op("beside")).account.update(more(id)),
        tx.$transaction(async (inner) => {
          await add(inner as unknown as TestClient);
          await inner.$transaction((deeper) => add(deeper as unknown as TestClient));
          await inner.$operation(op("deep")).account.update(more(id));
        }),
        tx.$once(op("once"), (inner) => add(inner as unknown as TestClient)),
      ]);
      return ended.map((each) => (each.status === "rejected" ? String(each.reason) : each.status));
    });
    expect(value).toStrictEqual(["Error: undone", "fulfilled", "fulfilled", "fulfilled"]);
    expect((await prisma.account.findUniqueOrThrow({ where: { id } })).balance).toBe(5);
  });
});

describe.skipIf(!isThere("postgres15"))("what is sent to PostgreSQL", () => {
  test("each bound write that a single statement can express is one, and so is its replay", async () => {
    const opened = await openPrisma("postgres15");
    const sent: string[] = [];
    const events: LedgerEvent[] = [];
    const logged = postgresClient(opened.url, { log: [{ emit: "event", level: "query" }] });
    (logged.$on as (event: "query", note: (query: { query: string }) => void) => void)("query", ({ query }) =>
      sent.push(query),
    );
    const prisma = logged.$extends(opledger({ metadata, onEvent: (event) => events.push(event) }));
    try {
      const { id } = await prisma.account.create({ data: { owner: "o" } });
      const email = "a@example.com";
      const writes = [
        () => prisma.$operation({ operation: "create", key: "k" }).tag.create({ data: { label: "l" } }),
        () =>
          prisma.$operation({ operation: "upsert", key: "k" }).customer.upsert({
            where: { email },
            create: { email, name: "n" },
            update: { visits: { increment: 1 } },
          }),
        () => prisma.$operation({ operation: "increment", key: "k" }).account.update(addTo(id)),
        () =>
          prisma
            .$operation({ operation: "compare", key: "k" })
            .account.update({ where: { id, version: 1 }, data: { status: "CLOSED" } }),
        () =>
          prisma
            .$operation({ operation: "assign", key: "k" })
            .account.update({ where: { id }, data: { owner: "p" } }),
        () => prisma.$operation({ operation: "delete", key: "k" }).tag.delete({ where: { label: "l" } }),
      ];
      for (const write of writes) {
        sent.length = 0;
        await twice(write as () => Promise<{ readonly status: string }>);
        expect(sent.map((sql) => sql.includes("opledger_operations"))).toStrictEqual([true, true]);
      }
      expect(events.filter(({ type }) => type !== "executed" && type !== "replayed")).toStrictEqual([]);
    } finally {
      await logged.$disconnect();
      await opened.close();
    }
  });
});

function addTo(id: number) {
  return { where: { id }, data: { balance: { increment: 1 } } } as const;
}
