/** Prisma Client over better-sqlite3, which is compiled where it is installed and so is no dependency: see test/drivers.ts. */
import type { SqlDriverAdapterFactory } from "@prisma/driver-adapter-utils";
import { PrismaClient } from "../../prisma/generated/sqlite/client/client.js";

/** The part of `@prisma/adapter-better-sqlite3` that is used, for builds without it. */
interface AdapterModule {
  readonly PrismaBetterSqlite3: new (options: { url: string; timeout: number }) => SqlDriverAdapterFactory;
}

/** @throws the adapter is not installed: ask `hasDriver("better-sqlite3")` first */
export async function betterSqliteClients(): Promise<(url: string) => PrismaClient> {
  const name: string = "@prisma/adapter-better-sqlite3";
  const { PrismaBetterSqlite3 } = (await import(name)) as AdapterModule;
  // A wait of the driver's own would block the process, and so whoever holds the lock in it.
  return (url) => new PrismaClient({ adapter: new PrismaBetterSqlite3({ url, timeout: 0 }) });
}
