import type { connectMysql } from "../../../src/cli/database/mysql.js";
import type { connectPostgres } from "../../../src/cli/database/postgres.js";
import type { connectSqlite } from "../../../src/cli/database/sqlite.js";
import { databaseUrl } from "../../../src/cli/database/url.js";
import type { ResultSet, Statement } from "../../../src/core/executor.js";
import type { applyMigrations } from "../../../src/migrations/apply.js";
import type { Engine } from "../../../src/migrations/index.js";

// Migrates with a built package, and kills itself before or after its nth statement:
// killed-migrate.ts <dist> <engine> <url> <n> <before|after>
const [dist, engine, url = "", nth = "", side] = process.argv.slice(2);

interface Built {
  readonly connectPostgres: typeof connectPostgres;
  readonly connectMysql: typeof connectMysql;
  readonly connectSqlite: typeof connectSqlite;
  readonly applyMigrations: typeof applyMigrations;
}

const load = async (path: string): Promise<Built> => import(`${dist}/${path}.js`);

const { protocol, target } = databaseUrl(url, {});
const connection = { cwd: process.cwd(), create: true };
const client = {
  postgres: async () => (await load("cli/database/postgres")).connectPostgres(target, connection),
  mysql: async () => (await load("cli/database/mysql")).connectMysql(target, connection),
  sqlite: async () => (await load("cli/database/sqlite")).connectSqlite(target, connection),
}[protocol];
const { query, close } = await client();

let count = 0;
const run = async ({ sql, values }: Statement): Promise<ResultSet> => {
  count += 1;
  if (count === Number(nth) && side === "before") process.kill(process.pid, "SIGKILL");
  const result = await query(sql, values);
  if (count === Number(nth) && side === "after") process.kill(process.pid, "SIGKILL");
  return result;
};
const migrations = await load("migrations/apply");
await migrations.applyMigrations({ run }, { engine: engine as Engine, waitMs: 30_000 });
await close();
console.log(count);
