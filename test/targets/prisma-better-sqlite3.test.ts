import { describe, it } from "vitest";
import { conformance } from "../conformance/suite.js";
import { hasDriver } from "../drivers.js";
import { betterSqliteClients } from "../prisma/better-sqlite3.js";
import { type PrismaTestClient, prismaTarget } from "./prisma.js";
import { PRISMA_SQLITE } from "./prisma-sqlite.js";

const name = "Prisma × SQLite, better-sqlite3";
if (hasDriver("better-sqlite3")) {
  const client = (await betterSqliteClients()) as unknown as (url: string) => PrismaTestClient;
  conformance(prismaTarget(name, "functional", 362, { ...PRISMA_SQLITE, client }));
} else {
  describe(name, () => {
    it.skip("conforms (skipped: the driver is not installed; npm run drivers:install adds it)", () => {});
  });
}
