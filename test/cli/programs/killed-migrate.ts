import { connectMysql } from "../../../src/cli/database/mysql.js";
import { connectPostgres } from "../../../src/cli/database/postgres.js";
import { connectSqlite } from "../../../src/cli/database/sqlite.js";
import { type DatabaseUrl, databaseUrl } from "../../../src/cli/database/url.js";
import type { ResultSet, Statement } from "../../../src/core/executor.js";
import { applyMigrations } from "../../../src/migrations/apply.js";
import type { Engine } from "../../../src/migrations/index.js";

// Migrates, and kills itself before or after its nth statement: killed-migrate.ts <engine> <url> <n> <before|after>
const [engine, url = "", nth = "", side] = process.argv.slice(2);

const CONNECT = { postgres: connectPostgres, mysql: connectMysql, sqlite: connectSqlite } as const;
const { protocol, target }: DatabaseUrl = databaseUrl(url, {});
const client = await CONNECT[protocol](target, { cwd: process.cwd(), create: true });

let count = 0;
const run = async ({ sql, values }: Statement): Promise<ResultSet> => {
  count += 1;
  if (count === Number(nth) && side === "before") process.kill(process.pid, "SIGKILL");
  const result = await client.query(sql, values);
  if (count === Number(nth) && side === "after") process.kill(process.pid, "SIGKILL");
  return result;
};
await applyMigrations({ run }, { engine: engine as Engine, waitMs: 30_000 });
await client.close();
console.log(count);
