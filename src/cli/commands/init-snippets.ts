import { readFileSync } from "node:fs";
import type { MigrationTool } from "../../migrations/generate.js";
import type { Engine } from "../../migrations/index.js";

/** What is left to do after the migration is written. */
export interface NextSteps {
  /** A model to add to the Prisma schema. */
  readonly model?: string | undefined;
  readonly run: string;
  readonly code: string;
}

const ONCE = `const { status, value } = await LEDGER({ scope: userId, operation: "create_order", key, payload }, async (tx) => {
  // your writes, through tx
});`;

const OTHER_CLIENT =
  "// opledger reaches SQLite through Prisma or TypeORM: see docs/guides in node_modules/opledger";

export const NEXT_STEPS: Readonly<Record<MigrationTool, (engine: Engine) => NextSteps>> = {
  prisma: () => ({
    run: "npx prisma migrate deploy && npx prisma generate",
    code: `import { opledger } from "opledger/prisma";

const prisma = new PrismaClient({ adapter }).$extends(opledger());
${ONCE.replace("LEDGER", "prisma.$once")}`,
  }),
  typeorm: () => ({
    run: "npx typeorm migration:run -d <data source>",
    code: `import { withIdempotency } from "opledger/typeorm";

const orders = withIdempotency(dataSource.getRepository(Order));
${ONCE.replace("LEDGER", "orders.once")}`,
  }),
  sql: (engine) => ({
    run: "npx opledger migrate   # or run the .up.sql file by a tool of your own",
    code: engine === "sqlite" ? OTHER_CLIENT : driverCode(engine === "postgres" ? "pg" : "mysql2"),
  }),
};

function driverCode(name: "pg" | "mysql2"): string {
  return `import { createLedger } from "opledger/${name}";

const ledger = createLedger(pool);
${ONCE.replace("LEDGER", "ledger.once")}`;
}

const PROVIDER: Readonly<Record<Engine, string>> = {
  postgres: "postgresql",
  mysql: "mysql",
  mariadb: "mysql",
  sqlite: "sqlite",
};

/** The ledger as a Prisma model. */
export function ledgerModel(engine: Engine): string {
  const file = new URL(`../../../prisma/ledger/${PROVIDER[engine]}.prisma`, import.meta.url);
  return readFileSync(file, "utf8").trim();
}
