import { createDatabase, serverUrl } from "../servers/use.js";

export const ANY_POSTGRES = ["postgres15", "postgres17", "postgres18"] as const;

/** A database on any PostgreSQL this run has: the protocol that the proxy reads is the same on all of them. */
export function createAnyDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  return createDatabase(ANY_POSTGRES.find((version) => serverUrl(version) !== undefined) ?? ANY_POSTGRES[0]);
}
