import { describe, it } from "vitest";
import { conformance } from "../conformance/suite.js";
import { hasDriver } from "../drivers.js";
import { betterSqlite } from "../prisma/better-sqlite3.js";
import { type PrismaTestClient, prismaTarget } from "./prisma.js";
import { PRISMA_SQLITE } from "./prisma-sqlite.js";

const name = "Prisma × SQLite, better-sqlite3";
if (hasDriver("better-sqlite3")) {
  const { client, library } = await betterSqlite();
  const own = { client: client as unknown as (url: string) => PrismaTestClient, library };
  conformance(prismaTarget(name, "functional", 362, { ...PRISMA_SQLITE, ...own }));
} else {
  describe(name, () => {
    it.skip("conforms (skipped: the driver is not installed; npm run drivers:install adds it)", () => {});
  });
}
