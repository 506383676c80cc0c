import { postgresClient } from "../prisma/open.js";
import { fixtureSchema, SAMPLE_COLUMNS } from "./postgres-schema.js";
import type { PrismaCase, PrismaTestClient } from "./prisma.js";

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const PRISMA_POSTGRES: PrismaCase = {
  engine: "postgres15",
  provider: "postgresql",
  client: (url, connections, isolation) =>
    postgresClient(url, {
      connections,
      startup:
        isolation === undefined
          ? undefined
          : `-c default_transaction_isolation=${isolation.replaceAll(" ", "\\ ")}`,
    }) as unknown as PrismaTestClient,
  schema: () => [fixtureSchema(false)],
  samples: SAMPLE_COLUMNS.map(([column, , value]) => ({ column, value })),
  endings: [
    "COMMIT",
    "rollback",
    "  -- a comment\n /* and */ END",
    "ABORT",
    "BEGIN",
    "SELECT 1; COMMIT",
    "; COMMIT",
  ],
  quote,
  qualified: (table) => (table === "elsewhere" ? "side.elsewhere" : `public.${table}`),
  violations: {
    UniqueConstraintViolation: "unique",
    "23514": "check",
    TableDoesNotExist: "missing-table",
    ValueOutOfRange: "too-big",
  },
  outdate: (table) => [`ALTER TABLE ${quote(table)} DROP COLUMN state CASCADE`],
  capabilities: {
    isolationLevels: ["read committed", "repeatable read", "serializable"],
    failedStatement: "aborts",
    booleans: "boolean",
    dates: "Date",
    nameCharactersMax: 63,
    rewrittenKey: { single: true, batch: false },
    beyondSnapshot: "refused",
    reportsWaiting: true,
    refusesLostUpdates: true,
    exactNumbers: true,
    writers: "many",
    noticesOver: true,
  },
};
