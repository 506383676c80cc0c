import { CliError, EXIT } from "../exit.js";
import type { Io } from "../io.js";

/** Whether a URL speaks PostgreSQL's or MySQL's protocol, or names an SQLite file. */
export type Protocol = "postgres" | "mysql" | "sqlite";

export interface DatabaseUrl {
  readonly protocol: Protocol;
  /** What the driver gets: a URL without what only ORMs understand, or a file's name. */
  readonly target: string;
  /** The schema that Prisma's `?schema=` names. */
  readonly schema: string | undefined;
  /** For people: no password. */
  readonly shown: string;
}

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  "postgres:": "postgres",
  "postgresql:": "postgres",
  "mysql:": "mysql",
  "mariadb:": "mysql",
};

/** What Prisma adds to a URL for itself. Drivers warn of them, or refuse them. */
const ORM_PARAMETERS = [
  "schema",
  "connection_limit",
  "pool_timeout",
  "connect_timeout",
  "socket_timeout",
  "pgbouncer",
  "sslaccept",
];

const HINT = "pass --url, or set DATABASE_URL, e.g. postgres://user@host/database";

/**
 * The database that a command is to work on.
 *
 * @throws {CliError} no URL is given, or it is not one of a database that opledger knows
 */
export function databaseUrl(given: string | undefined, env: Io["env"]): DatabaseUrl {
  const text = given ?? env.DATABASE_URL;
  if (text === undefined || text === "") {
    throw new CliError(EXIT.unreachable, "No database was named.", { hint: HINT });
  }
  const file = /^(?:file|sqlite):(?:\/\/(?=\/))?(.+)$/.exec(text)?.[1]?.replace(/\?.*$/, "");
  if (file !== undefined)
    return { protocol: "sqlite", target: file, schema: undefined, shown: `file:${file}` };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const protocol = PROTOCOLS[url?.protocol ?? ""];
  if (url === undefined || protocol === undefined) {
    // The text itself may hold a password.
    throw new CliError(EXIT.usage, "The database's URL is of no kind that opledger knows.", { hint: HINT });
  }
  const schema = url.searchParams.get("schema") ?? undefined;
  for (const name of ORM_PARAMETERS) url.searchParams.delete(name);
  return { protocol, target: url.href, schema, shown: `${url.protocol}//${url.host}${url.pathname}` };
}
