import { sqliteClient } from "../prisma/open.js";
import type { PrismaCase, PrismaTestClient } from "./prisma.js";
import { ENDINGS, fixtureSchema, outdated, quote, SQLITE_SAMPLES } from "./sqlite-schema.js";

export const PRISMA_SQLITE: PrismaCase = {
  engine: "sqlite",
  provider: "sqlite",
  client: (url) => sqliteClient(url) as unknown as PrismaTestClient,
  schema: fixtureSchema,
  samples: SQLITE_SAMPLES,
  endings: ENDINGS,
  quote,
  qualified: (table) => `main.${table}`,
  violations: {
    UniqueConstraintViolation: "unique",
    "275": "check",
    SQLITE_CONSTRAINT_CHECK: "check",
    "no such table": "missing-table",
    "integer overflow": "too-big",
  },
  outdate: outdated,
  capabilities: {
    isolationLevels: ["serializable"],
    failedStatement: "undone",
    booleans: "number",
    dates: "Date",
    nameCharactersMax: 1_000,
    rewrittenKey: { single: false, batch: false },
    beyondSnapshot: "refused",
    reportsWaiting: false,
    refusesLostUpdates: true,
    exactNumbers: false,
    writers: "one",
    noticesOver: false,
  },
};
