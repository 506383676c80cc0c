import { PrismaMariaDb } from "@prisma/adapter-mariadb";
import { PrismaPg } from "@prisma/adapter-pg";
import mysql from "mysql2/promise";
import pg from "pg";
import { PrismaClient as MysqlClient } from "../../../prisma/generated/mysql/client/client.js";
import { metadata as mysqlMetadata } from "../../../prisma/generated/mysql/opledger/metadata.js";
import { PrismaClient } from "../../../prisma/generated/postgresql/client/client.js";
import { metadata } from "../../../prisma/generated/postgresql/opledger/metadata.js";
import type * as Adapter from "../../../src/adapters/prisma/index.js";
import type { OpledgerOptions } from "../../../src/adapters/prisma/index.js";
import { migrationTexts } from "../../prisma/migrations.js";
import { startProxy, targetOf, throughProxy } from "../../proxy/proxy.js";

interface ClientOptions {
  readonly ledger?: OpledgerOptions;
  /** An extension that is registered before ours. */
  readonly before?: object;
  /** What each connection begins with. */
  readonly startup?: string;
  readonly url?: string;
}

function postgresClient({ opledger }: typeof Adapter, connectionString: string, options: ClientOptions) {
  const { ledger, before = { name: "nothing" }, startup } = options;
  const adapter = new PrismaPg({
    connectionString,
    max: 4,
    connectionTimeoutMillis: 5_000,
    ...(startup !== undefined && { options: startup }),
  });
  const client = new PrismaClient({ adapter }).$extends(before as { name: "before" });
  return client.$extends(opledger({ metadata, ...ledger }));
}
export type Client = ReturnType<typeof postgresClient>;

/** What the sharp cases of Prisma stand on. */
export interface Bench {
  /** A client on a pool of its own, as another process has it. */
  prisma(options?: ClientOptions): Client;
  /** One that is cut off once it has a connection, where the server answers `answer` for the next time. */
  cutAt(answer: RegExp, ledger?: OpledgerOptions): Promise<Client>;
  query(sql: string): Promise<unknown>;
  key(): { operation: string; key: string };
}

/** Prisma's clients on PostgreSQL, and on MariaDB, whose client has the same models. */
export async function prismaBench(
  engine: "postgres" | "mariadb",
  folder: string,
  url: string,
): Promise<Bench> {
  const adapter = (await import(`${folder}/src/adapters/prisma/index.ts`)) as typeof Adapter;
  const query = engine === "postgres" ? await postgresTables(url) : await mariadbTables(url);
  let keys = 0;
  const prisma: Bench["prisma"] = (options = {}) =>
    engine === "postgres"
      ? postgresClient(adapter, options.url ?? url, options)
      : mariadbClient(adapter, url, options);
  return {
    prisma,
    query,
    cutAt: async (answer, ledger = {}) => {
      const proxy = await startProxy(targetOf(url));
      const client = prisma({ url: throughProxy(url, proxy), ledger });
      await client.tag.count();
      const match = ({ name, text }: { name: string; text: string }): boolean =>
        name === "CommandComplete" && answer.test(text);
      proxy.arm({ direction: "server", moment: "before", how: "reset", match });
      return client;
    },
    key: () => ({ operation: "check", key: `key-${++keys}` }),
  };
}

async function postgresTables(connectionString: string): Promise<Bench["query"]> {
  const pool = new pg.Pool({ connectionString, max: 2 });
  pool.on("error", () => {});
  for (const part of ["opledger", "tables"] as const)
    for (const sql of migrationTexts("postgresql", part)) await pool.query(sql);
  return (sql) => pool.query(sql);
}

async function mariadbTables(uri: string): Promise<Bench["query"]> {
  const pool = mysql.createPool({ uri, connectionLimit: 2, multipleStatements: true });
  for (const part of ["opledger", "tables"] as const)
    for (const sql of migrationTexts("mariadb", part)) await pool.query(sql);
  return (sql) => pool.query(sql);
}

function mariadbClient({ opledger }: typeof Adapter, url: string, { ledger }: ClientOptions): Client {
  const { hostname: host, port, username: user, password, pathname } = new URL(url);
  const adapter = new PrismaMariaDb({
    ...{ host, port: Number(port), user, database: pathname.slice(1), connectionLimit: 4 },
    ...(password !== "" && { password: decodeURIComponent(password) }),
  });
  const client = new MysqlClient({ adapter }).$extends(opledger({ metadata: mysqlMetadata, ...ledger }));
  return client as unknown as Client;
}
