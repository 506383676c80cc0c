import { parseArgs } from "node:util";
import { ledgerMigrations } from "opledger/migrations";
import pg from "pg";
import { startPostgres } from "../../test/servers/postgres.js";
import { ServerUnavailableError } from "../../test/servers/types.js";
import { audit, type Figures } from "./audit.js";
import { deliver } from "./deliver.js";
import { type Plan, planDeliveries } from "./deliveries.js";
import { MERCHANT, SCHEMA, type ServiceName } from "./payments.js";
import { conclude, delivered, introduce, ProgressLine, printJson, printTable } from "./report.js";

const USAGE = `npm run quickstart -- [--seed <n>] [--json]

  --seed <n>   other deliveries: a whole number from 0 to 4294967295, 1 unless given
  --json       the figures as JSON, and nothing else
`;
const SEED_MAX = 2 ** 32 - 1;

interface Options {
  readonly seed: number;
  readonly json: boolean;
}

function readOptions(): Options | "help" {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false, short: "h" },
    },
  });
  if (values.help) return "help";
  const seed = Number(values.seed);
  if (!/^\d+$/.test(values.seed) || seed > SEED_MAX) {
    throw new TypeError(`--seed must be a whole number from 0 to ${SEED_MAX}`);
  }
  return { seed, json: values.json };
}

async function execute(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A database of its own for each service, with its tables and accounts, and for opledger the ledger's table. */
async function createDatabase(server: string, name: ServiceName, plan: Plan): Promise<string> {
  await execute(server, [`CREATE DATABASE ${name}`]);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const accounts = [MERCHANT, ...plan.customers].map((id) => `('${id}')`).join(", ");
  const ledger = name === "opledger" ? ledgerMigrations("postgres").map(({ up }) => up) : [];
  await execute(url.href, [SCHEMA, `INSERT INTO accounts (id) VALUES ${accounts}`, ...ledger]);
  return url.href;
}

async function run(server: string, name: ServiceName, plan: Plan, quiet: boolean): Promise<Figures> {
  const url = await createDatabase(server, name, plan);
  const line = quiet ? undefined : new ProgressLine(name);
  const answers = await deliver(plan, name, url, (done) => line?.update(done));
  const figures = await audit(plan, name, url, answers);
  line?.done(delivered(figures));
  return figures;
}

async function main({ seed, json }: Options): Promise<number> {
  const plan = planDeliveries(seed);
  if (!json) introduce(plan, seed);
  const line = json ? undefined : new ProgressLine("PostgreSQL");
  const server = await startPostgres({ version: 18 });
  try {
    line?.done(`${server.version}, private to this run`);
    const naive = await run(server.url, "naive", plan, json);
    const opledger = await run(server.url, "opledger", plan, json);
    if (json) {
      printJson(seed, naive, opledger);
    } else {
      printTable(naive, opledger);
      conclude(naive, opledger);
    }
    return opledger.problems.length === 0 ? 0 : 1;
  } finally {
    await server.stop();
  }
}

function complain(text: string): number {
  console.error(text);
  return 2;
}

async function start(): Promise<number> {
  let options: Options | "help";
  try {
    options = readOptions();
  } catch (error) {
    return complain(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  }
  if (options === "help") {
    console.log(USAGE);
    return 0;
  }
  try {
    return await main(options);
  } catch (error) {
    if (error instanceof ServerUnavailableError) return complain(`${error.message}: ${error.howToAdd}`);
    throw error;
  }
}

process.exitCode = await start();
