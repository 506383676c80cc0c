import { check, codeOf, same } from "./assert.js";
import { statuses } from "./common-cases.js";
import type { Bench, Client } from "./prisma-bench.js";

type Cases = Readonly<Record<string, (bench: Bench) => Promise<void>>>;

const more = (id: number) => ({ where: { id }, data: { balance: { increment: 1 } } }) as const;
const labelled = (prisma: Client, label: string): Promise<number> => prisma.tag.count({ where: { label } });
const ONE_TRY = { backoff: { attemptsMax: 1 } } as const;

/** Short, sharp cases on PostgreSQL, one per promise that a mutant of the extension breaks. */
export const PRISMA_CASES: Cases = {
  "a hook of one model": async ({ prisma, key }) => {
    const create = ({ args, query }: { args: { data: object }; query: (args: object) => unknown }) =>
      query({ ...args, data: { label: "HOOKED" } });
    const client = prisma({ before: { name: "hook", query: { tag: { create } } } });
    const { value } = await client.$operation(key()).tag.create({ data: { label: "plain" } });
    same("label", value.label, "HOOKED");
  },

  "a failure that only COMMIT tells": async ({ prisma, query, key }) => {
    await query(`CREATE SEQUENCE tries`);
    await query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('tries') = 1 THEN RAISE EXCEPTION 'once' USING ERRCODE = '40001'; END IF; RETURN NULL; END $$`);
    await query(`CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON accounts DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION refuse()`);
    const client = prisma();
    const { id } = await client.account.create({ data: { owner: "o" } });
    same("status", await codeOf(client.$once(key(), (tx) => tx.account.update(more(id)))), "ok");
    same("balance", (await client.account.findUnique({ where: { id } }))?.balance, 1);
    await query("DROP TRIGGER refuse ON accounts");
  },

  "work that ends its transaction": async ({ prisma, key }) => {
    const client = prisma();
    const ending = client.$once(key(), async (tx) => {
      await tx.$executeRawUnsafe("ROLLBACK").catch(() => {});
      await tx.tag.create({ data: { label: "ended" } }).catch(() => {});
    });
    same("code", await codeOf(ending), "OPLEDGER_ROLLED_BACK");
    same("effects", await labelled(client, "ended"), 0);
  },

  "nested transactions at the same moment": async ({ prisma, key }) => {
    const client = prisma();
    const { id } = await client.account.create({ data: { owner: "o" } });
    const { value } = await client.$once(key(), async (outer) => {
      const tx = outer as unknown as Client;
      const nested = (): Promise<unknown> => tx.$transaction((inner) => inner.account.update(more(id)));
      const ends = await Promise.allSettled([nested(), nested(), nested()]);
      return ends.map(({ status }) => status);
    });
    same("ends", value, ["fulfilled", "fulfilled", "fulfilled"]);
    same("balance", (await client.account.findUnique({ where: { id } }))?.balance, 3);
  },

  "a batch of Prisma's": async ({ prisma, key }) => {
    const client = prisma();
    const write = client.$operation(key()).tag.create({ data: { label: "batch" } });
    check("refused", (await codeOf(client.$transaction([write as never]))).startsWith("TypeError"));
    same("effects", await labelled(client, "batch"), 0);
  },

  "a stale version beside an include": async ({ prisma, key }) => {
    const client = prisma();
    const { id } = await client.account.create({ data: { owner: "first" } });
    const stale = client
      .$operation(key())
      .account.update({ where: { id, version: 9 }, data: { owner: "stale" }, include: { charges: true } });
    same("code", await codeOf(stale), "OPLEDGER_VERSION_CONFLICT");
    same("owner", (await client.account.findUnique({ where: { id } }))?.owner, "first");
  },

  "two upserts of several statements, of one row": async ({ prisma, key }) => {
    const email = "both@example.com";
    let [looked, open] = [0, (): void => {}];
    const both = new Promise<void>((resolve) => {
      open = resolve;
    });
    const findUnique = async ({ args, query }: { args: unknown; query: (args: unknown) => unknown }) => {
      const found = await query(args);
      looked += 1;
      if (looked >= 2) open();
      await both;
      return found;
    };
    const upsert = (ref: ReturnType<typeof key>): Promise<{ status: string }> =>
      prisma({ before: { name: "meet", query: { customer: { findUnique } } } })
        .$operation(ref)
        .customer.upsert({
          where: { email },
          create: { email, name: "n" },
          update: { visits: { increment: 1 } },
          include: { tags: true },
        });
    const ends = await Promise.allSettled([upsert(key()), upsert(key())]);
    same("ends", statuses(ends), ["executed", "executed"]);
    same("visits", (await prisma().customer.findUnique({ where: { email } }))?.visits, 1);
  },

  "a number beyond JavaScript's": async ({ prisma, key }) => {
    const client = prisma();
    const { value } = await client
      .$operation(key())
      .invoice.create({ data: { tenant: "t", number: 1, series: "s", ref: 1n } });
    same("total", value.total, 9_007_199_254_740_993n);
  },

  "a session in another time zone": async ({ prisma, key }) => {
    const client = prisma({ startup: "-c TimeZone=Asia/Kolkata" });
    const { value } = await client.$operation(key()).account.create({ data: { owner: "o" } });
    const found = await client.account.findUnique({ where: { id: value.id } });
    same("moment", value.createdAt.getTime(), found?.createdAt.getTime());
  },

  "the answer to a bound write is lost": async ({ prisma, cutAt, key }) => {
    const [client, ref] = [await cutAt(/SELECT/, ONE_TRY), key()];
    const write = (by: Client): Promise<{ status: string }> =>
      by.$operation(ref).tag.create({ data: { label: "lost" } });
    same("code", await codeOf(write(client)), "OPLEDGER_OUTCOME_UNKNOWN");
    same("again", (await write(prisma())).status, "replayed");
    same("effects", await labelled(prisma(), "lost"), 1);
  },

  "the answer to COMMIT is lost": async ({ prisma, cutAt, key }) => {
    const [client, ref] = [await cutAt(/COMMIT/, ONE_TRY), key()];
    const run = (by: Client): Promise<{ status: string }> =>
      by.$once(ref, (tx) => tx.tag.create({ data: { label: "committed" } }));
    same("code", await codeOf(run(client)), "OPLEDGER_OUTCOME_UNKNOWN");
    same("again", (await run(prisma())).status, "replayed");
  },

  "a joined write that fails": async ({ prisma, key }) => {
    const client = prisma();
    await client.tag.create({ data: { label: "taken" } });
    await client.$transaction(async (tx) => {
      const again = tx.$operation(key()).tag.create({ data: { label: "taken" } });
      same("code", await codeOf(again), "P2002");
      same("the rest", await codeOf(tx.tag.create({ data: { label: "rest" } })), "ok");
    });
    same("effects", await labelled(client, "rest"), 1);
  },
};

/** What PostgreSQL's transactions see to by themselves, and MariaDB's do not. */
export const PRISMA_MARIADB_CASES: Cases = {
  "work whose transaction ends unseen": async ({ prisma, query, key }) => {
    await query("CREATE PROCEDURE commits() COMMIT");
    const [client, ref] = [prisma(), key()];
    const run = (): Promise<unknown> =>
      client.$once(ref, async (tx) => {
        await tx.$executeRawUnsafe("CALL commits()");
      });
    same("first", await codeOf(run()), "OPLEDGER_OUTCOME_UNKNOWN");
    same("again", await codeOf(run()), "OPLEDGER_OUTCOME_UNKNOWN");
  },

  "compare-and-set beside an include, by many": async ({ prisma, key }) => {
    const client = prisma();
    const { id } = await client.account.create({ data: { owner: "o" } });
    const close = (): Promise<string> =>
      codeOf(
        client.$operation(key()).account.update({
          where: { id, version: 1 },
          data: { status: "CLOSED" },
          include: { charges: true },
        }),
      );
    const ends = await Promise.all([close(), close(), close(), close()]);
    const lost = "OPLEDGER_VERSION_CONFLICT";
    same("ends", ends.sort(), [lost, lost, lost, "ok"]);
  },
};
