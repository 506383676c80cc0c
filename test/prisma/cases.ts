/** The extended clients of the three providers, as one type: their schemas are the same as far as these tests go. */
import { metadata as mysqlMetadata } from "../../prisma/generated/mysql/opledger/metadata.js";
import { metadata as postgresMetadata } from "../../prisma/generated/postgresql/opledger/metadata.js";
import { metadata as sqliteMetadata } from "../../prisma/generated/sqlite/opledger/metadata.js";
import { type OpledgerOptions, opledger } from "../../src/adapters/prisma/index.js";
import type { LedgerEvent } from "../../src/index.js";
import { serverUrl } from "../servers/use.js";
import {
  mysqlClient,
  type Opened,
  openDatabase,
  type PrismaEngine,
  postgresClient,
  sqliteClient,
} from "./open.js";

export const PRISMA_ENGINES = [
  "postgres15",
  "mariadb",
  "mysql",
  "sqlite",
] as const satisfies readonly PrismaEngine[];

export function isThere(engine: PrismaEngine): boolean {
  return engine === "sqlite" || serverUrl(engine) !== undefined;
}

export interface Prisma extends Opened {
  readonly prisma: TestClient;
  readonly events: LedgerEvent[];
  /** Another client on the same database, as another process has one. */
  client(options?: OpledgerOptions, more?: { readonly startup?: string; readonly omit?: object }): TestClient;
  close(): Promise<void>;
}

const extended = (url: string, options: OpledgerOptions, more: object) =>
  postgresClient(url, more).$extends(opledger({ metadata: postgresMetadata, ...options }));
export type TestClient = ReturnType<typeof extended>;

/** A database of that engine with the tables of prisma/*.prisma, and an extended client for it. */
export async function openPrisma(engine: PrismaEngine): Promise<Prisma> {
  const opened = await openDatabase(engine);
  const events: LedgerEvent[] = [];
  const clients: TestClient[] = [];
  const client = (options: OpledgerOptions = {}, more: object = {}): TestClient => {
    const made = make(engine, opened.url, options, more);
    clients.push(made);
    return made;
  };
  return {
    ...opened,
    events,
    client,
    prisma: client({ onEvent: (event) => events.push(event) }),
    close: async () => {
      await Promise.all(clients.map((each) => each.$disconnect()));
      await opened.drop();
    },
  };
}

function make(engine: PrismaEngine, url: string, options: OpledgerOptions, more: object): TestClient {
  if (engine === "sqlite") {
    const client = sqliteClient(url, more).$extends(opledger({ metadata: sqliteMetadata, ...options }));
    return client as unknown as TestClient;
  }
  if (engine === "mysql" || engine === "mariadb") {
    const client = mysqlClient(url, { ...more, useTextProtocol: engine === "mysql" }).$extends(
      opledger({ metadata: mysqlMetadata, ...options }),
    );
    return client as unknown as TestClient;
  }
  return extended(url, options, more);
}

let minted = 0;

export function op(operation: string): { readonly operation: string; readonly key: string } {
  minted += 1;
  return { operation, key: `${minted}-${Math.random().toString(36).slice(2, 8)}` };
}

/** Runs the same write twice, and gives back what it came to; fails where the second is no replay of it. */
export async function twice<T extends { readonly status: string }>(write: () => Promise<T>): Promise<T> {
  const first = await write();
  const second = await write();
  if (first.status !== "executed" || second.status !== "replayed")
    throw new Error(`${first.status}, ${second.status}`);
  const [one, two] = [first, second].map((outcome) => JSON.stringify({ ...outcome, status: "" }, plain));
  if (one !== two) throw new Error(`${one} is not ${two}`);
  return first;
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}
