import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { metadata as mysqlMetadata } from "../../prisma/generated/mysql/opledger/metadata.js";
import { metadata as postgresMetadata } from "../../prisma/generated/postgresql/opledger/metadata.js";
import { metadata as sqliteMetadata } from "../../prisma/generated/sqlite/opledger/metadata.js";
import { opledger } from "../../src/adapters/prisma/index.js";
import { newKey } from "../../src/index.js";
import { serverUrl } from "../servers/use.js";
import {
  mysqlClient,
  type Opened,
  openDatabase,
  type PrismaEngine,
  postgresClient,
  sqliteClient,
} from "./open.js";

/** The clients have the same models; TypeScript sees one of them, and the database all. */
function clientOf(engine: PrismaEngine, url: string) {
  const metadata = { postgres15: postgresMetadata, mariadb: mysqlMetadata, sqlite: sqliteMetadata }[
    engine as string
  ];
  const client =
    engine === "sqlite" ? sqliteClient(url) : engine === "mariadb" ? mysqlClient(url) : postgresClient(url);
  return (client as ReturnType<typeof postgresClient>).$extends(opledger({ metadata }));
}

/** The ledger's ids in the form of a UUID, whatever the engine keeps them in. */
const IDS: Readonly<Partial<Record<PrismaEngine, string>>> = {
  postgres15: "SELECT id::text AS id FROM opledger_operations WHERE operation = 'pay'",
  mariadb: "SELECT LOWER(HEX(id)) AS id FROM opledger_operations WHERE operation = 'pay'",
  sqlite: "SELECT lower(hex(id)) AS id FROM opledger_operations WHERE operation = 'pay'",
};

describe.each(["postgres15", "mariadb", "sqlite"] as const)("@opledger.operationId on %s", (engine) => {
  const missing = engine !== "sqlite" && serverUrl(engine) === undefined;
  let opened: Opened;
  let prisma: ReturnType<typeof clientOf>;

  beforeAll(async () => {
    if (missing) return;
    opened = await openDatabase(engine);
    prisma = clientOf(engine, opened.url);
    await prisma.account.create({ data: { id: 1, owner: "a" } });
  });
  afterAll(async () => {
    await prisma?.$disconnect();
    await opened?.drop();
  });

  it.skipIf(missing)("holds the ledger's id of the operation that made the row", async () => {
    const once = prisma.$operation({ operation: "pay", key: newKey() });
    const { value } = await once.charge.create({ data: { accountId: 1, amount: 5 } });
    const [row] = await opened.query(IDS[engine] ?? "");
    expect(value.operationId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(value.operationId?.replaceAll("-", "")).toBe(String(row?.id).replaceAll("-", ""));
    expect((await prisma.charge.findUniqueOrThrow({ where: { id: value.id } })).operationId).toBe(
      value.operationId,
    );
  });

  it.skipIf(missing)("is filled by the fallback too, and left as the caller gives it", async () => {
    const nested = prisma.$operation({ operation: "nested", key: newKey() }).charge.create({
      data: { amount: 5, account: { connect: { id: 1 } } },
      include: { account: true },
    });
    expect((await nested).value.operationId).toMatch(/^[0-9a-f-]{36}$/);
    const operationId = "0b7e3f4e-8f0a-4b1e-9c3d-2f6a5d4c3b2a";
    const own = prisma
      .$operation({ operation: "own", key: newKey() })
      .charge.create({ data: { accountId: 1, amount: 5, operationId } });
    expect((await own).value.operationId).toBe(operationId);
  });
});
