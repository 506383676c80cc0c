import { inject } from "vitest";
import { createDatabaseOn } from "./databases.js";
import type { ServerName } from "./provide.js";
// For its augmentation of vitest's ProvidedContext, which types what inject() returns.
import type {} from "./vitest-setup.js";

/** The URL of a server that the whole test run shares, or undefined where this run has none of that name. */
export function serverUrl(name: ServerName): string | undefined {
  return inject("servers")[name];
}

/**
 * A fresh, empty database on a shared server: what isolates one test file from the next.
 * @throws {Error} this run has no such server; ask {@link serverUrl} before, and skip
 */
export async function createDatabase(name: ServerName): Promise<{ url: string; drop(): Promise<void> }> {
  const server = serverUrl(name);
  if (server === undefined) throw new Error(`this test run has no server ${name}: see the top of its output`);
  return createDatabaseOn(server);
}
