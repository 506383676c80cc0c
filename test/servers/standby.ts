import { existsSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { startManaged } from "./managed.js";
import { findPostgres } from "./postgres-binaries.js";
import { serverDirectory, unprivilegedUser } from "./system.js";
import type { Server } from "./types.js";

/** A standby of `primary`, streaming asynchronously. */
export async function startStandby(primary: {
  readonly host: string;
  readonly port: number;
}): Promise<Server> {
  const user = unprivilegedUser("postgres");
  const binaries = findPostgres(undefined, user);
  const directory = serverDirectory("pgs", user);
  const data = join(directory, "data");
  const url = (port: number): string => `postgres://postgres@127.0.0.1:${port}/postgres`;
  return startManaged(
    {
      ...{
        engine: "postgres",
        directory,
        user,
        url,
        stopSignal: "SIGINT",
        command: join(binaries, "postgres"),
      },
      argumentsFor: (port) => ["-D", data, "-p", String(port)],
      ready: async (port) => {
        const client = new pg.Client({ connectionString: url(port), connectionTimeoutMillis: 2_000 });
        client.on("error", () => {});
        await client.connect();
        await client.end();
        return "standby";
      },
    },
    async (run) => {
      await run(join(binaries, "pg_basebackup"), [
        ...["-h", primary.host, "-p", String(primary.port), "-U", "postgres"],
        ...["-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync"],
      ]);
    },
  );
}

/** Whether a standby can be made: the npm package's binaries cannot. */
export function hasBackup(): boolean {
  try {
    return existsSync(join(findPostgres(undefined, unprivilegedUser("postgres")), "pg_basebackup"));
  } catch {
    return false;
  }
}
