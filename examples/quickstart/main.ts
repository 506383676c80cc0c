import { parseArgs } from "node:util";
import { ServerUnavailableError } from "../../test/servers/types.js";
import { audit, type Figures } from "./audit.js";
import { deliver } from "./deliver.js";
import { type Plan, planDeliveries } from "./deliveries.js";
import { ENGINES, type EngineName } from "./engines.js";
import { conclude, delivered, introduce, ProgressLine, printJson, printTable } from "./report.js";
import { MERCHANT, type ServiceName } from "./service.js";

const USAGE = `npm run quickstart -- [--engine <name>] [--seed <n>] [--json]

  --engine     postgres, mariadb or mysql; postgres unless given
  --seed       other deliveries: a whole number from 0 to 4294967295, 1 unless given
  --json       the figures as JSON, and nothing else
`;
const SEED_MAX = 2 ** 32 - 1;

interface Options {
  readonly engine: EngineName;
  readonly seed: number;
  readonly json: boolean;
}

function readOptions(): Options | "help" {
  const { values } = parseArgs({
    options: {
      engine: { type: "string", default: "postgres" },
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
  const names = Object.keys(ENGINES) as EngineName[];
  const engine = names.find((name) => name === values.engine);
  if (engine === undefined) throw new TypeError(`--engine must be one of ${names.join(", ")}`);
  return { engine, seed, json: values.json };
}

/** One run of the story. */
interface Story {
  readonly engine: EngineName;
  readonly server: string;
  readonly plan: Plan;
  readonly quiet: boolean;
}

/** A database of its own for each service, with its tables and accounts, and for opledger the ledger's table. */
async function createDatabase({ engine, server, plan }: Story, name: ServiceName): Promise<string> {
  const { run, schema, ledger } = ENGINES[engine];
  await run(server, [`CREATE DATABASE ${name}`]);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const accounts = [MERCHANT, ...plan.customers].map((id) => `('${id}')`).join(", ");
  const rows = `INSERT INTO accounts (id) VALUES ${accounts}`;
  await run(url.href, [...schema, rows, ...(name === "opledger" ? ledger : [])]);
  return url.href;
}

async function tell(story: Story, name: ServiceName): Promise<Figures> {
  const { engine, plan, quiet } = story;
  const url = await createDatabase(story, name);
  const line = quiet ? undefined : new ProgressLine(name);
  const answers = await deliver(plan, { engine, name, url }, (done) => line?.update(done));
  const figures = await audit(plan, { engine, name, url }, answers);
  line?.done(delivered(figures));
  return figures;
}

async function main({ engine, seed, json }: Options): Promise<number> {
  const plan = planDeliveries(seed);
  if (!json) introduce(plan, seed);
  const line = json ? undefined : new ProgressLine(ENGINES[engine].title);
  const server = await ENGINES[engine].start();
  try {
    line?.done(`${server.version}, private to this run`);
    const story = { engine, server: server.url, plan, quiet: json };
    const naive = await tell(story, "naive");
    const opledger = await tell(story, "opledger");
    if (json) {
      printJson({ engine, seed }, naive, opledger);
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
