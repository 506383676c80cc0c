/** What Prisma's driver adapters must be told, and what happens where they were not. */
import { PrismaPg } from "@prisma/adapter-pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { metadata as mysqlMetadata } from "../../prisma/generated/mysql/opledger/metadata.js";
import { PrismaClient } from "../../prisma/generated/postgresql/client/client.js";
import { metadata } from "../../prisma/generated/postgresql/opledger/metadata.js";
import { type OpledgerOptions, opledger } from "../../src/adapters/prisma/index.js";
import type { LedgerEvent } from "../../src/index.js";
import { gate } from "../conformance/helpers.js";
import { isThere, op, type TestClient, twice } from "./cases.js";
import { mysqlClient, type Opened, openDatabase } from "./open.js";

describe.skipIf(!isThere("postgres15"))("a pool of pg that has run dry", () => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await openDatabase("postgres15");
  });
  afterAll(() => opened?.drop());

  /** Runs `body` with a client whose only connection is taken until `free`. */
  async function dry(
    pool: { readonly connectionTimeoutMillis?: number },
    options: OpledgerOptions,
    body: (client: TestClient, free: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const adapter = new PrismaPg({ connectionString: opened.url, max: 1, ...pool });
    const client = new PrismaClient({ adapter }).$extends(opledger({ metadata, ...options }));
    const [begun, finish] = [gate(), gate()];
    const holding = client.$transaction(
      async () => {
        begun.open();
        await finish.opened;
      },
      { timeout: 60_000 },
    );
    await Promise.race([begun.opened, holding]);
    const free = async (): Promise<void> => {
      finish.open();
      await holding;
    };
    try {
      await body(client, free);
    } finally {
      await free();
      await client.$disconnect();
    }
  }

  test("with `connectionTimeoutMillis` a bound write says that nothing was sent", async () => {
    await dry({ connectionTimeoutMillis: 2_000 }, {}, async (client, free) => {
      const ref = op("bounded");
      const write = () => client.$operation(ref).tag.create({ data: { label: ref.key } });
      await expect(write()).rejects.toMatchObject({ code: "OPLEDGER_ROLLED_BACK", retryable: true });
      await free();
      expect((await write()).status).toBe("executed");
    });
  });

  test("without it one try is made, whose fate is unknown, and the error says what to set", async () => {
    const events: LedgerEvent[] = [];
    const options = { waitMs: 50, responseMs: 100, onEvent: (event: LedgerEvent) => events.push(event) };
    await dry({}, options, async (client, free) => {
      const ref = op("unbounded");
      const write = () => client.$operation(ref).tag.create({ data: { label: ref.key } });
      const refused = await write().catch((error: unknown) => error as Error);
      expect(refused).toMatchObject({ code: "OPLEDGER_OUTCOME_UNKNOWN", retryable: true });
      expect(String((refused as Error).cause)).toMatch(/`connectionTimeoutMillis`/);
      expect(events.map(({ type }) => type)).toStrictEqual(["unknown"]);
      await free();
      // What waited in the pool has run by then, or runs now: once in any case.
      expect((await write()).value.label).toBe(ref.key);
      expect(await client.tag.count({ where: { label: ref.key } })).toBe(1);
    });
  });

  test("work is bounded by `maxWait` either way", async () => {
    await dry({}, {}, async (client) => {
      const late = client.$once(op("work"), () => 1, { maxWait: 50 });
      await expect(late).rejects.toMatchObject({ code: "OPLEDGER_ROLLED_BACK" });
    });
  });
});

describe.each(["mysql", "mariadb"] as const)("the protocol of adapter-mariadb on %s", (engine) => {
  const missing = !isThere(engine);
  let opened: Opened;
  const clients: TestClient[] = [];
  const connect = (useTextProtocol: boolean): TestClient => {
    const client = mysqlClient(opened.url, { useTextProtocol }).$extends(
      opledger({ metadata: mysqlMetadata }),
    );
    clients.push(client as unknown as TestClient);
    return client as unknown as TestClient;
  };
  beforeAll(async () => {
    if (!missing) opened = await openDatabase(engine);
  });
  afterAll(async () => {
    await Promise.all(clients.map((each) => each.$disconnect()));
    await opened?.drop();
  });

  test.skipIf(missing)("as text carries everything", async () => {
    const client = connect(true);
    const { key } = op("text");
    const data = {
      key,
      json: {},
      at: new Date(0),
      bytes: new Uint8Array([0, 255]),
      big: 2n ** 60n,
      flag: false,
    };
    const { value } = await twice(() =>
      client.$operation({ operation: "text", key }).everything.create({ data: data as never }),
    );
    expect(value).toStrictEqual(await client.everything.findUnique({ where: { key } }));
    const inner = await client.$once(op("text"), (tx) =>
      tx.$operation(op("text")).tag.create({ data: { label: key } }),
    );
    expect(inner.value.effect).toBe("inserted");
  });

  test.skipIf(missing)(
    "by prepared statements takes savepoints on MariaDB, and on MySQL says what to set",
    async () => {
      const client = connect(false);
      const label = op("prepared").key;
      const create = { data: { label } };
      const alone = await twice(() =>
        client.$operation({ operation: "prepared", key: label }).tag.create(create),
      );
      expect(alone.value.label).toBe(label);
      const work = () =>
        client.$once(op("prepared"), (tx) =>
          tx.tag.update({ where: { label }, data: { label: `${label}2` } }),
        );
      const joined = () =>
        client.$transaction((tx) => tx.$operation(op("prepared")).tag.delete({ where: { label } }));
      if (engine === "mariadb") {
        expect((await work()).status).toBe("executed");
        expect((await joined()).status).toBe("executed");
        return;
      }
      for (const refused of [work, joined]) {
        const error = await refused().catch((thrown: unknown) => thrown as Error);
        expect(error).toBeInstanceOf(TypeError);
        expect(String(error)).toMatch(/useTextProtocol: true/);
      }
      expect(await client.tag.count({ where: { label } })).toBe(1);
    },
  );
});
