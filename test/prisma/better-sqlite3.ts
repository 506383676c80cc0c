/** Prisma Client over better-sqlite3, which is compiled where it is installed and so is no dependency: see test/drivers.ts. */
import { createRequire } from "node:module";
import type { SqlDriverAdapterFactory } from "@prisma/driver-adapter-utils";
import type Sqlite from "libsql";
import { PrismaClient } from "../../prisma/generated/sqlite/client/client.js";

/** The part of `@prisma/adapter-better-sqlite3` that is used, for builds without it. */
interface AdapterModule {
  readonly PrismaBetterSqlite3: new (options: { url: string; timeout: number }) => SqlDriverAdapterFactory;
}

/** @throws the adapter is not installed: ask `missingDriver("better-sqlite3")` first */
export async function betterSqlite(): Promise<{
  readonly client: (url: string) => PrismaClient;
  /** libsql has the same interface. */
  readonly library: typeof Sqlite;
}> {
  const name: string = "@prisma/adapter-better-sqlite3";
  const { PrismaBetterSqlite3 } = (await import(name)) as AdapterModule;
  return {
    // A wait of the driver's own would block the process, and so whoever holds the lock in it.
    client: (url) => new PrismaClient({ adapter: new PrismaBetterSqlite3({ url, timeout: 0 }) }),
    library: createRequire(import.meta.url)("better-sqlite3") as typeof Sqlite,
  };
}
