import { startMariadb } from "./mariadb.js";
import { startMysql } from "./mysql.js";
import { readGreeting } from "./mysql-protocol.js";
import { askVersion, startPostgres } from "./postgres.js";
import type { PostgresVersion } from "./postgres-binaries.js";
import { type Engine, type Server, ServerUnavailableError, type StartOptions } from "./types.js";

/** `postgres`: whichever version is installed, else the npm package's 17. */
const SERVER_NAMES = ["postgres", "postgres15", "postgres17", "postgres18", "mariadb", "mysql"] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

type Provided =
  | { readonly status: "ready"; readonly name: ServerName; readonly server: Server }
  | {
      readonly status: "skipped";
      readonly name: ServerName;
      readonly reason: string;
      readonly howToAdd: string;
    };

interface ProvideOptions extends StartOptions {
  /** `true`: a server of our own even where the environment names one, for tests that kill or pause it. */
  readonly own?: boolean;
}

interface Recipe {
  readonly engine: Engine;
  /** The variable with the URL of a server that somebody else runs. */
  readonly variable: string;
  readonly version?: PostgresVersion;
  start(options: StartOptions): Promise<Server>;
}

function postgres(version?: PostgresVersion): Recipe {
  const wanted = version === undefined ? {} : { version };
  return {
    engine: "postgres",
    variable: "TEST_POSTGRES_URL",
    ...wanted,
    start: (options) => startPostgres({ ...options, ...wanted }),
  };
}

const RECIPES: Readonly<Record<ServerName, Recipe>> = {
  postgres: postgres(),
  postgres15: postgres(15),
  postgres17: postgres(17),
  postgres18: postgres(18),
  mariadb: { engine: "mariadb", variable: "TEST_MARIADB_URL", start: startMariadb },
  mysql: { engine: "mysql", variable: "TEST_MYSQL_URL", start: startMysql },
};

const DEFAULT_PORTS: Readonly<Record<Engine, number>> = { postgres: 5432, mysql: 3306, mariadb: 3306 };

/** The names in a comma list out of the environment. */
export function serverNames(list: string, origin: string): ServerName[] {
  return list
    .split(",")
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .map((text) => {
      // A typo must not pass for "nothing asked for".
      const name = SERVER_NAMES.find((known) => known === text);
      if (name === undefined)
        throw new TypeError(`${origin}: "${text}" is none of ${SERVER_NAMES.join(", ")}`);
      return name;
    });
}

async function versionBehind(recipe: Recipe, url: URL, port: number): Promise<string> {
  if (recipe.engine === "postgres") return askVersion(url.href);
  const greeting = await readGreeting(url.hostname, port);
  if (greeting.engine !== recipe.engine) throw new Error(`that is ${greeting.engine} ${greeting.version}`);
  return greeting.version;
}

/** The server that the environment names, or undefined where it names none, or one of another version. */
async function fromEnvironment(recipe: Recipe): Promise<Server | undefined> {
  const { engine, variable } = recipe;
  const value = process.env[variable];
  if (value === undefined || value === "") return undefined;
  const url = new URL(value);
  const port = url.port === "" ? DEFAULT_PORTS[engine] : Number(url.port);
  let version: string;
  try {
    version = await versionBehind(recipe, url, port);
  } catch (cause) {
    // Somebody meant this server to be used: falling back to another one would hide that it was not.
    throw new Error(`${variable} is set, and no ${engine} answers there`, { cause });
  }
  if (recipe.version !== undefined && Number.parseInt(version, 10) !== recipe.version) return undefined;
  const unsupported = (what: string) => (): never => {
    throw new Error(
      `${what} is not possible with the server of ${variable}: it is not ours. Unset it for this test`,
    );
  };
  return {
    engine,
    version,
    host: url.hostname,
    port,
    url: value,
    pid: 0,
    stop: async () => undefined,
    kill: async () => unsupported("kill")(),
    restart: async () => unsupported("restart")(),
    pause: unsupported("pause"),
    resume: unsupported("resume"),
  };
}

/**
 * Finds or starts a server: the environment's URL, then installed programs, then (PostgreSQL) the npm package's.
 * With an URL, `settings` and `durable` are the business of whoever runs that server.
 * @returns status `skipped` where this machine has none; report it with {@link describeSkips}
 * @throws {Error} it has none and `OPLEDGER_REQUIRE` names it, or what is there does not work
 */
export async function provide(name: ServerName, options: ProvideOptions = {}): Promise<Provided> {
  const recipe = RECIPES[name];
  const { own, ...start } = options;
  const given = own ? undefined : await fromEnvironment(recipe);
  if (given !== undefined) return { status: "ready", name, server: given };
  try {
    return { status: "ready", name, server: await recipe.start(start) };
  } catch (error) {
    if (!(error instanceof ServerUnavailableError)) throw error;
    const required = serverNames(process.env.OPLEDGER_REQUIRE ?? "", "OPLEDGER_REQUIRE");
    if (required.includes(name)) {
      throw new Error(`OPLEDGER_REQUIRE names ${name}: ${error.message}. To add it: ${error.howToAdd}`, {
        cause: error,
      });
    }
    return { status: "skipped", name, reason: error.message, howToAdd: error.howToAdd };
  }
}

/** On two cores, more than two servers at once only start more slowly. */
const STARTS_AT_ONCE = 2;

/** {@link provide} for several names. Where one of them fails, the others are stopped again. */
export async function provideAll(
  names: readonly ServerName[],
  options: ProvideOptions = {},
): Promise<Provided[]> {
  const results: Provided[] = [];
  const waiting = [...new Set(names)];
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      results.push(await provide(name, options));
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: STARTS_AT_ONCE }, work));
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure !== undefined) {
    await stopAll(results);
    throw failure.reason;
  }
  return results.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
}

export async function stopAll(provided: readonly Provided[]): Promise<void> {
  await Promise.all(provided.map((each) => (each.status === "ready" ? each.server.stop() : undefined)));
}

/** One loud block for everything that was left out, or undefined where nothing was. */
export function describeSkips(provided: readonly Provided[]): string | undefined {
  const skips = provided.flatMap((each) =>
    each.status === "skipped" ? [`  ${each.name}: ${each.reason}\n    to add it: ${each.howToAdd}`] : [],
  );
  if (skips.length === 0) return undefined;
  const line = "!".repeat(72);
  return `${line}\nLEFT OUT, and nothing below says anything about it:\n${skips.join("\n")}\n${line}`;
}
