import type { TestProject } from "vitest/node";
import { generateAll } from "../prisma/generate.js";
import { describeSkips, provideAll, type ServerName, serverNames, stopAll } from "./provide.js";

/** URLs of the shared servers; a name is absent where the server is. */
type ServerUrls = Partial<Record<ServerName, string>>;

declare module "vitest" {
  export interface ProvidedContext {
    servers: ServerUrls;
  }
}

const DEFAULT_SERVERS = "postgres15,postgres17,postgres18,mariadb,mysql";

/** Starts the servers that all test files share; `test/servers/use.ts` is how a test gets at them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const list = process.env.OPLEDGER_TEST_SERVERS ?? DEFAULT_SERVERS;
  await generateAll();
  const provided = await provideAll(serverNames(list, "OPLEDGER_TEST_SERVERS"));
  const skips = describeSkips(provided);
  if (skips !== undefined) console.error(skips);
  const servers: ServerUrls = {};
  for (const each of provided) if (each.status === "ready") servers[each.name] = each.server.url;
  project.provide("servers", servers);
  return () => stopAll(provided);
}
