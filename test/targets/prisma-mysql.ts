import { mysqlClient } from "../prisma/open.js";
import { fixtureSchema, quote, SAMPLE_COLUMNS } from "./mysql-schema.js";
import type { PrismaCase, PrismaTestClient } from "./prisma.js";

/** What Prisma's driver for MariaDB gives as mysql2 does; the others are held against `findUnique` in test/prisma. */
const ALIKE = new Set(["whole", "tiny", "real8", "char5", "letters", "latin", "empty", "nothing"]);

export const PRISMA_MARIADB: PrismaCase = {
  engine: "mariadb",
  provider: "mysql",
  client: (url, connections, isolation) =>
    mysqlClient(url, { connections, isolation }) as unknown as PrismaTestClient,
  schema: ({ url }) => fixtureSchema(`${new URL(url).pathname.slice(1)}_side`),
  samples: SAMPLE_COLUMNS.filter(([column]) => ALIKE.has(column)).map(([column, , value]) => ({
    column,
    value,
  })),
  endings: [
    "COMMIT",
    "rollback",
    "  -- a comment\n /* and */ # more\n COMMIT",
    "BEGIN",
    "START TRANSACTION READ ONLY",
    "/*!50000 COMMIT */",
    "SET autocommit = 1",
    "CREATE TABLE IF NOT EXISTS made_inside (id int)",
    "LOCK TABLES effects WRITE",
    "TRUNCATE TABLE watched_log",
    "COMMIT AND CHAIN",
  ],
  quote,
  qualified: (table, { url }) => {
    const database = new URL(url).pathname.slice(1);
    return table === "elsewhere" ? `${database}_side.elsewhere` : `${database}.${table}`;
  },
  violations: {
    UniqueConstraintViolation: "unique",
    "4025": "check",
    "3819": "check",
    TableDoesNotExist: "missing-table",
    ValueOutOfRange: "too-big",
    LengthMismatch: "too-big",
    "1690": "too-big",
  },
  outdate: (table) => [
    `ALTER TABLE ${quote(table)} DROP CONSTRAINT ${quote(`${table}_state_check`)}`,
    `ALTER TABLE ${quote(table)} DROP COLUMN state`,
  ],
  capabilities: {
    isolationLevels: ["read committed", "repeatable read", "serializable"],
    failedStatement: "undone",
    booleans: "number",
    dates: "Date",
    nameCharactersMax: 64,
    rewrittenKey: { single: true, batch: true },
    beyondSnapshot: "replayed",
    reportsWaiting: false,
    refusesLostUpdates: false,
    exactNumbers: true,
    writers: "many",
    noticesOver: true,
  },
};

/** Without INSERT … RETURNING the inserted row is read by its key; the text protocol is what savepoints take. */
export const PRISMA_MYSQL: PrismaCase = {
  ...PRISMA_MARIADB,
  engine: "mysql",
  client: (url, connections, isolation) =>
    mysqlClient(url, { connections, isolation, useTextProtocol: true }) as unknown as PrismaTestClient,
  capabilities: { ...PRISMA_MARIADB.capabilities, rewrittenKey: { single: false, batch: false } },
};
