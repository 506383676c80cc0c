import type { Target } from "../conformance/target.js";
import { missingDriver } from "../drivers.js";
import { betterSqlite } from "../prisma/better-sqlite3.js";
import { type PrismaTestClient, prismaTarget } from "./prisma.js";
import { PRISMA_SQLITE } from "./prisma-sqlite.js";

/** Prisma over better-sqlite3, where that is installed. */
export async function prismaBetterSqlite3(suite: Target["suite"], cases: number): Promise<Target> {
  const unavailable = missingDriver("better-sqlite3");
  const tested = { ...PRISMA_SQLITE, ...(unavailable === undefined ? await own() : { unavailable }) };
  return prismaTarget("Prisma × SQLite, better-sqlite3", suite, cases, tested);
}

async function own() {
  const { client, library } = await betterSqlite();
  return { client: client as unknown as (url: string) => PrismaTestClient, library };
}
