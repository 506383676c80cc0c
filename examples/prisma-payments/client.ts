import { PrismaPg } from "@prisma/adapter-pg";
import { opledger } from "opledger/prisma";
import { PrismaClient } from "../../prisma/generated/postgresql/client/client.js";
import { metadata } from "../../prisma/generated/postgresql/opledger/metadata.js";
import { Declined } from "./declined.js";

/** What became of the service's calls, as a dashboard would count it. */
export type Counts = Map<string, number>;

/** The service's client: Prisma's own, extended once, where it is made. */
export function connect(connectionString: string, counts: Counts = new Map()) {
  return new PrismaClient({
    adapter: new PrismaPg({ connectionString, max: 10, connectionTimeoutMillis: 5_000 }),
  }).$extends(
    opledger({
      metadata,
      onEvent: ({ type }) => counts.set(type, (counts.get(type) ?? 0) + 1),
      // A declined charge stays declined, however often it is asked for again. Any other failure may be tried again.
      storeError: (error) => (error instanceof Declined ? { reason: error.message } : undefined),
    }),
  );
}

export type Database = ReturnType<typeof connect>;
