import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPgbouncer } from "../servers/pgbouncer.js";
import { provide } from "../servers/provide.js";
import type { Server } from "../servers/types.js";
import { count, settle, show } from "./check.js";
import { tallyOf } from "./figures.js";
import { SCENARIOS } from "./scenarios.js";
import type { Opened, OpenOptions, Witness } from "./target.js";
import { openPg, pgTarget } from "./targets/pg.js";

const tally = tallyOf("pgbouncer");
let server: Server;
let bouncer: Awaited<ReturnType<typeof startPgbouncer>>;
let witness: Witness;
const opened: Opened<unknown>[] = [];

beforeAll(async () => {
  const provided = await provide("postgres", { own: true });
  if (provided.status !== "ready") throw new Error(provided.reason);
  server = provided.server;
  bouncer = await startPgbouncer(server, { poolMode: "transaction", settings: { default_pool_size: "2" } });
  if (bouncer.status === "skipped") console.error(`LEFT OUT: ${bouncer.reason}; ${bouncer.howToAdd}`);
  witness = await pgTarget.prepare(server.url);
});
afterAll(async () => {
  await Promise.all(opened.map((each) => each.close()));
  await witness?.close();
  if (bouncer?.status === "ready") await bouncer.stop();
  await server?.stop();
});

function open(options: OpenOptions): Opened<unknown> {
  if (bouncer.status !== "ready") throw new Error(bouncer.reason);
  const made = openPg(bouncer.url, { poolMax: 6, ...options }) as Opened<unknown>;
  opened.push(made);
  return made;
}

describe("pgbouncer in transaction mode", () => {
  it.each([
    { prepare: "auto", from: 1 },
    { prepare: false, from: 2 },
  ] as const)("every scenario works with prepare: $prepare", async ({ prepare, from }) => {
    if (bouncer.status === "skipped") return;
    // Two processes share two server connections, so that each meets the other's names and misses its own.
    const both = [open({ prepare }), open({ prepare })];
    const wrong: string[] = [];
    let n = from * 10_000;
    for (let round = 0; round < 3; round++) {
      const calls = SCENARIOS.flatMap((scenario) =>
        both.map(async (each) => {
          n += 1;
          const cell = n;
          await witness.seed(cell);
          const ended = await settle(scenario.run(each, cell));
          count(tally, [], ended);
          // Inside the caller's transaction only the caller can try again.
          const again = await settle(scenario.run(each, cell));
          if (!ended.ok && !scenario.joined) wrong.push(`${scenario.name}: ${show(ended.error)}`);
          if (!again.ok) wrong.push(`${scenario.name} again: ${show(again.error)}`);
          const applied = await witness.applied(cell);
          if (applied !== scenario.applied) wrong.push(`${scenario.name}: ${applied} changes`);
        }),
      );
      await Promise.all(calls);
    }
    tally.violations += wrong.length;
    const refused = both.flatMap(({ events }) =>
      events.filter((event) => event.type === "retried" && event.reason === "reprepare"),
    );
    tally.fault("prepared statement refused", refused.length);
    tally.attempts += refused.length;
    expect(wrong).toEqual([]);
    if (prepare === false) expect(refused).toEqual([]);
    else expect(refused.length).toBeGreaterThan(0);
  });

  it("auto stops preparing after the first refusals", async () => {
    if (bouncer.status === "skipped") return;
    const [a] = opened;
    if (a === undefined) throw new Error("the case before has not run");
    const refusals = (): number => a.events.filter((event) => event.type === "retried").length;
    const before = refusals();
    for (let n = 1; n <= 20; n++) {
      await a.ledger
        .operation({ operation: "calm", key: `${n}` })
        .insert({ into: "effects", values: { n: 1 } });
    }
    expect(refusals()).toBe(before);
  });

  it("leaves no setting behind on a server's connection", async () => {
    if (bouncer.status === "skipped") return;
    const clients = await Promise.all(
      [1, 2].map(async () => {
        if (bouncer.status === "skipped") throw new Error(bouncer.reason);
        const client = new pg.Client(bouncer.url);
        await client.connect();
        await client.query("begin");
        return client;
      }),
    );
    // Two transactions at once hold both of the server connections that the ledger has used.
    const settings = await Promise.all(
      clients.map(async (client) => {
        const { rows } = await client.query(
          "select pg_backend_pid() as pid, current_setting('lock_timeout') as lock, " +
            "coalesce(current_setting('opledger.effect', true), '') as effect, " +
            "(select count(*)::int from pg_locks where pid = pg_backend_pid() and locktype = 'advisory') as advisory",
        );
        await client.query("commit");
        await client.end();
        return rows[0];
      }),
    );
    expect(new Set(settings.map(({ pid }) => pid)).size).toBe(2);
    expect(settings.map(({ pid, ...rest }) => rest)).toEqual(
      Array(2).fill({ lock: "0", effect: "", advisory: 0 }),
    );
  });
});
