import { withDatabase } from "../../../src/cli/database/open.js";
import { CHECKS } from "../../../src/cli/doctor/checks/index.js";
import { type Diagnosis, examine } from "../../../src/cli/doctor/examine.js";
import { patientOf } from "../../../src/cli/doctor/patient.js";
import type { Engine } from "../../../src/migrations/index.js";
import { provide, type ServerName } from "../../servers/provide.js";
import type { Server, StartOptions } from "../../servers/types.js";
import { plainIo } from "../io.js";

export interface DiagnoseOptions {
  readonly schema?: string;
  readonly table?: string;
  readonly waitMs?: number;
  /** What this machine's clock is ahead by, in milliseconds. */
  readonly aheadMs?: number;
}

export function diagnose(url: string, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const { waitMs = 10_000, aheadMs = 0, ...names } = options;
  const flags = { url, ...names };
  return withDatabase(plainIo(), flags, async (database) =>
    examine(
      await patientOf(database, {
        waitMs,
        now: () => Date.now() + aheadMs,
        beside: (use) => withDatabase(plainIo(), flags, use),
      }),
    ),
  );
}

/** What was found, as `id: what was seen`. */
export async function signs(url: string, options?: DiagnoseOptions): Promise<string[]> {
  const { findings, unchecked } = await diagnose(url, options);
  return [
    ...findings.map(({ id, seen }) => `${id}: ${seen}`),
    ...unchecked.map(({ id, reason }) => `unchecked ${id}: ${reason}`),
  ];
}

/** The checks that there are for an engine. */
export function checksFor(engine: Engine): string[] {
  return CHECKS.filter(({ engines }) => engines.includes(engine)).map(({ id }) => id);
}

/** Keeps which checks were seen to find something, so that a file can say that it has met all of them. */
export class Met {
  readonly #ids = new Set<string>();

  see(found: readonly string[]): readonly string[] {
    for (const each of found) this.#ids.add(each.split(":")[0] ?? "");
    return found;
  }

  get ids(): string[] {
    return [...this.#ids].sort();
  }
}

/** A server that may be set wrongly; undefined, and said so, where this machine has none. */
export async function ownServer(name: ServerName, options: StartOptions): Promise<Server | undefined> {
  const provided = await provide(name, { ...options, own: true });
  if (provided.status === "ready") return provided.server;
  console.error(`LEFT OUT: ${provided.reason}; ${provided.howToAdd}`);
  return undefined;
}
