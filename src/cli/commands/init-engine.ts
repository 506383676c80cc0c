import { generatedLedger } from "../../migrations/generate.js";
import type { Engine } from "../../migrations/index.js";
import { withDatabase } from "../database/open.js";
import { databaseUrl } from "../database/url.js";
import type { Io } from "../io.js";

/** The engine to write for, and how it is known. */
export interface KnownEngine {
  readonly engine: Engine;
  /** Whether the server itself was asked. */
  readonly asked: boolean;
  /** What to do where it may be another one. */
  readonly note?: string;
}

const FAMILY: readonly Engine[] = ["mysql", "mariadb"];

const NOTE =
  "taken for MySQL; where it is MariaDB, add --engine mariadb, or --url so that the server is asked";

/**
 * Prisma's provider and the drivers are the same for MySQL and MariaDB, whose ledgers differ: only the server knows. It is asked
 * where a URL names one.
 *
 * @param said what the project says
 * @param texts the project's migrations: what was written once stays
 * @throws {CliError} the server that `url` names is not reached; one that only DATABASE_URL names need not be
 */
export async function askEngine(
  said: Engine,
  texts: readonly string[],
  url: string | undefined,
  io: Io,
): Promise<KnownEngine> {
  if (said !== "mysql") return { engine: said, asked: false };
  const written = FAMILY.find((engine) => generatedLedger(texts, { engine }) !== undefined);
  if (written !== undefined) return { engine: written, asked: false };
  const place = url ?? io.env.DATABASE_URL ?? "";
  if (place === "" || (url === undefined && !isMysql(place, io)))
    return { engine: said, asked: false, note: NOTE };
  try {
    const engine = await withDatabase(io, { url: place }, async (database) => database.engine);
    return { engine, asked: true };
  } catch (error) {
    if (url !== undefined) throw error;
    return { engine: said, asked: false, note: `${NOTE} (DATABASE_URL was not reached)` };
  }
}

function isMysql(url: string, { env }: Io): boolean {
  try {
    return databaseUrl(url, env).protocol === "mysql";
  } catch {
    return false;
  }
}
