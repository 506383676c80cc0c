import { fork } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { generateAll } from "../../prisma/generate.js";
import { createDatabaseOn } from "../../servers/databases.js";
import { provideAll, stopAll } from "../../servers/provide.js";
import type { Engine } from "../../servers/types.js";
import type { Mutant } from "./mutant.js";
import { MYSQL_MUTANTS } from "./mysql-mutants.js";
import { PG_MUTANTS } from "./pg-mutants.js";
import { PRISMA_MUTANTS } from "./prisma-mutants.js";
import { TYPEORM_MUTANTS } from "./typeorm-mutants.js";

export const MUTANTS: readonly Mutant[] = [
  ...PG_MUTANTS,
  ...MYSQL_MUTANTS,
  ...PRISMA_MUTANTS,
  ...TYPEORM_MUTANTS,
];

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** Inside the repository, so that a copy finds its dependencies; ignored by git. */
const WORK = `${ROOT}.cache/mutants-${process.pid}/`;
const CHECKS = fileURLToPath(new URL("checks.ts", import.meta.url));
const AT_ONCE = 2;
const LIMIT_MS = 120_000;

export interface Verdict {
  readonly mutant: string;
  /** The check that noticed, and what it saw; undefined where none did. */
  readonly caughtBy: string | undefined;
  readonly maySurvive: string | undefined;
}

/** The URL of a server by engine. */
export type Servers = Readonly<Partial<Record<Engine, string>>>;

/** The source as it is, once for each kind of checks that the mutants go through. */
function unmutated(mutants: readonly Mutant[]): Mutant[] {
  const kinds = new Map(mutants.map((each) => [placeOf(each), each]));
  return [...kinds].map(([place, each]) => ({ ...each, name: `no mutation, on ${place}`, edits: [] }));
}

function placeOf({ engine, client }: Mutant): string {
  return client === undefined ? engine : `${client} on ${engine}`;
}

/** @throws {Error} a text to replace is not found exactly once: the source has moved on, and the mutant must follow */
function mutate(folder: string, { name, edits }: Mutant): void {
  cpSync(`${ROOT}src`, `${folder}src`, { recursive: true });
  cpSync(`${ROOT}migrations`, `${folder}migrations`, { recursive: true });
  writeFileSync(`${folder}package.json`, JSON.stringify({ type: "module" }));
  for (const { file, from, to } of edits) {
    const text = readFileSync(folder + file, "utf8");
    const parts = text.split(from);
    if (parts.length !== 2) {
      throw new Error(
        `mutant "${name}": ${parts.length - 1} places in ${file} read ${JSON.stringify(from)}, not 1`,
      );
    }
    writeFileSync(folder + file, parts.join(to));
  }
}

/** Runs the checks on a copy with one fault. @returns what failed; undefined where nothing did */
async function examine(servers: Servers, mutant: Mutant, index: number): Promise<string | undefined> {
  const server = servers[mutant.engine];
  if (server === undefined) throw new Error(`there is no ${mutant.engine} to look for mutants on`);
  const folder = `${WORK}${index}/`;
  mkdirSync(folder, { recursive: true });
  mutate(folder, mutant);
  const { url, drop } = await createDatabaseOn(server);
  try {
    return await runChecks(mutant, folder, url);
  } finally {
    await drop();
  }
}

function runChecks({ engine, client }: Mutant, folder: string, url: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const execArgv = ["--import", "tsx"];
    const child = fork(CHECKS, [engine, folder.slice(0, -1), url, client ?? ""], { execArgv, silent: true });
    let output = "";
    const collect = (chunk: Buffer): void => {
      output += chunk.toString("utf8");
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      const said =
        output
          .trim()
          .split("\n")
          .find((line) => line !== "" && !line.startsWith("npm ")) ?? "";
      if (code === 0) resolve(undefined);
      else resolve(code === 1 && said !== "" ? said : `ended with ${signal ?? code}: ${said}`);
    });
  });
}

/**
 * Looks for the mutants of every engine that there is a server of.
 *
 * @throws {Error} the unmutated source fails the checks, so that what they say of mutants means nothing
 */
export async function runMutants(servers: Servers): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const here = MUTANTS.filter(({ engine }) => servers[engine] !== undefined);
  const waiting = [...here.entries()];
  try {
    for (const [index, each] of unmutated(here).entries()) {
      const broken = await examine(servers, each, here.length + index);
      if (broken !== undefined) throw new Error(`the unmutated source fails on ${placeOf(each)}: ${broken}`);
    }
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, mutant] = next;
        const caughtBy = await examine(servers, mutant, index);
        const name = `${placeOf(mutant)}: ${mutant.name}`;
        verdicts.push({ mutant: name, caughtBy, maySurvive: mutant.maySurvive });
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  } finally {
    rmSync(WORK, { recursive: true, force: true });
  }
  return verdicts;
}

export function describeVerdicts(verdicts: readonly Verdict[]): string {
  return verdicts
    .map(({ mutant, caughtBy, maySurvive }) => {
      if (caughtBy !== undefined) return `caught    ${mutant}\n            by ${caughtBy.slice(0, 140)}`;
      return `${maySurvive === undefined ? "SURVIVED " : "tolerated"} ${mutant}${maySurvive === undefined ? "" : ` (${maySurvive})`}`;
    })
    .join("\n");
}

async function main(): Promise<void> {
  await generateAll();
  const provided = await provideAll(["postgres", "mariadb", "mysql"]);
  try {
    const servers: Partial<Record<Engine, string>> = {};
    for (const each of provided) if (each.status === "ready") servers[each.server.engine] = each.server.url;
    const verdicts = await runMutants(servers);
    console.log(describeVerdicts(verdicts));
    const caught = verdicts.filter(({ caughtBy }) => caughtBy !== undefined).length;
    console.log(`${caught} of ${verdicts.length} mutants caught`);
    if (verdicts.some(({ caughtBy, maySurvive }) => caughtBy === undefined && maySurvive === undefined))
      process.exitCode = 1;
  } finally {
    await stopAll(provided);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
