import { fork } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import pg from "pg";
import { startPostgres } from "../../servers/postgres.js";
import { MUTANTS, type Mutant } from "./mutants.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** Inside the repository, so that a copy finds its dependencies; ignored by git. */
const WORK = `${ROOT}.cache/mutants-${process.pid}/`;
const CHECKS = fileURLToPath(new URL("checks.ts", import.meta.url));
const AT_ONCE = 2;
const LIMIT_MS = 40_000;

export interface Verdict {
  readonly mutant: string;
  /** The check that noticed, and what it saw; undefined where none did. */
  readonly caughtBy: string | undefined;
  readonly maySurvive: string | undefined;
}

const UNMUTATED: Mutant = { name: "no mutation", edits: [] };

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

async function inDatabase<T>(server: string, name: string, body: (url: string) => Promise<T>): Promise<T> {
  const admin = new pg.Client(server);
  admin.on("error", () => {});
  await admin.connect();
  try {
    await admin.query(`create database ${name} template template0`);
    const url = new URL(server);
    url.pathname = `/${name}`;
    return await body(url.href);
  } finally {
    await admin.query(`drop database if exists ${name} with (force)`);
    await admin.end();
  }
}

/** Runs the checks on a copy with one fault. @returns what failed; undefined where nothing did */
async function examine(server: string, mutant: Mutant, index: number): Promise<string | undefined> {
  const folder = `${WORK}${index}/`;
  mkdirSync(folder, { recursive: true });
  mutate(folder, mutant);
  return inDatabase(server, `mutant_${process.pid}_${index}`, (url) => runChecks(folder, url));
}

function runChecks(folder: string, url: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const execArgv = ["--import", "tsx"];
    const child = fork(CHECKS, [folder.slice(0, -1), url], { execArgv, silent: true });
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

/** @throws {Error} the unmutated source fails the checks, so that what they say of mutants means nothing */
export async function runMutants(server: string): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const waiting = [...MUTANTS.entries()];
  try {
    const broken = await examine(server, UNMUTATED, MUTANTS.length);
    if (broken !== undefined) throw new Error(`the unmutated source fails: ${broken}`);
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, mutant] = next;
        const caughtBy = await examine(server, mutant, index);
        verdicts.push({ mutant: mutant.name, caughtBy, maySurvive: mutant.maySurvive });
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
  const server = await startPostgres();
  try {
    const verdicts = await runMutants(server.url);
    console.log(describeVerdicts(verdicts));
    const caught = verdicts.filter(({ caughtBy }) => caughtBy !== undefined).length;
    console.log(`${caught} of ${verdicts.length} mutants caught`);
    if (verdicts.some(({ caughtBy, maySurvive }) => caughtBy === undefined && maySurvive === undefined))
      process.exitCode = 1;
  } finally {
    await server.stop();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
