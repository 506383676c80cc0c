import { setTimeout as sleep } from "node:timers/promises";
import type { Engine } from "../../servers/types.js";
import { COMMON_CASES } from "./common-cases.js";

/**
 * The sharp cases of the suite, run against any copy of the source: `checks.ts <engine> <folder> <database url> [client]`. Ends
 * with 0 where all pass, with 1 and the first failure's name where one does not.
 */
type Cases = readonly (readonly [name: string, run: () => Promise<void>])[];

async function casesOf(engine: Engine, folder: string, url: string, client: string): Promise<Cases> {
  if (client === "prisma" && engine !== "mysql") {
    const { prismaBench } = await import("./prisma-bench.js");
    const { PRISMA_CASES, PRISMA_MARIADB_CASES } = await import("./prisma-cases.js");
    return bound(
      engine === "postgres" ? PRISMA_CASES : PRISMA_MARIADB_CASES,
      await prismaBench(engine, folder, url),
    );
  }
  if (client === "typeorm") {
    const { typeormBench } = await import("./typeorm-bench.js");
    const { TYPEORM_CASES } = await import("./typeorm-cases.js");
    return bound(TYPEORM_CASES, await typeormBench(folder, url));
  }
  if (engine === "postgres") {
    const { pgBench } = await import("./pg-bench.js");
    const { PG_CASES } = await import("./pg-cases.js");
    const bench = await pgBench(folder, url);
    return [...bound(COMMON_CASES, bench), ...bound(PG_CASES, bench)];
  }
  const { mysqlBench } = await import("./mysql-bench.js");
  const { MYSQL_CASES } = await import("./mysql-cases.js");
  const bench = await mysqlBench(engine, folder, url);
  return [...bound(COMMON_CASES, bench), ...bound(MYSQL_CASES, bench)];
}

function bound<B>(cases: Readonly<Record<string, (bench: B) => Promise<void>>>, bench: B): Cases {
  return Object.entries(cases).map(([name, run]) => [name, () => run(bench)]);
}

const [engine, folder, url, client = ""] = process.argv.slice(2);
if (folder === undefined || url === undefined)
  throw new Error("usage: checks.ts <engine> <folder> <database url> [client]");
for (const [name, run] of await casesOf(engine as Engine, folder, url, client)) {
  try {
    await Promise.race([
      run(),
      sleep(20_000, undefined, { ref: false }).then(() => {
        throw new Error("hangs");
      }),
    ]);
  } catch (error) {
    console.log(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
process.exit(0);
