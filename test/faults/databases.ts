import { describe } from "vitest";
import { ANY_POSTGRES, createAnyDatabase } from "../proxy/database.js";
import { type FaultProxy, startProxy, targetOf } from "../proxy/proxy.js";
import { provide } from "../servers/provide.js";
import type { Server } from "../servers/types.js";
import { createDatabase, serverUrl } from "../servers/use.js";
import type { Target } from "./target.js";
import { TARGETS } from "./targets/index.js";

/** Runs `body` for each target. One whose server this run has not is skipped; the run's first lines say why. */
export function eachTarget(what: string, body: (target: Target) => void): void {
  for (const target of TARGETS) {
    describe.skipIf(!isHere(target))(`${target.name}: ${what}`, () => body(target));
  }
}

export function isHere({ engine }: Target): boolean {
  return engine === "postgres"
    ? ANY_POSTGRES.some((version) => serverUrl(version) !== undefined)
    : serverUrl(engine) !== undefined;
}

/** A fresh database on a server that the whole run shares. */
export function databaseFor({ engine }: Target): Promise<{ url: string; drop(): Promise<void> }> {
  return engine === "postgres" ? createAnyDatabase() : createDatabase(engine);
}

/** A server of the test's own, to be hurt. */
export async function serverFor({ engine }: Target, durable: boolean): Promise<Server> {
  const provided = await provide(engine, { own: true, durable });
  if (provided.status !== "ready") throw new Error(provided.reason);
  return provided.server;
}

/** A proxy that reads the target's protocol. */
export function proxyFor({ engine }: Target, url: string): Promise<FaultProxy> {
  return startProxy(targetOf(url), { protocol: engine === "postgres" ? "postgres" : "mysql" });
}
