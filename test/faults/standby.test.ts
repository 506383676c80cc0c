import { afterAll, expect, it } from "vitest";
import { startProxy, targetOf } from "../proxy/proxy.js";
import { startPostgres } from "../servers/postgres.js";
import { hasBackup, startStandby } from "../servers/standby.js";
import type { Server } from "../servers/types.js";
import { settle, show } from "./check.js";
import { tallyOf } from "./figures.js";
import { openPg, pgTarget, pgWitnessOf } from "./targets/pg.js";

const tally = tallyOf("standby");
const servers: Server[] = [];
afterAll(async () => {
  for (const server of servers) await server.stop();
});

it.skipIf(!hasBackup())(
  "a failover to an asynchronous standby loses ledger and effect together",
  { timeout: 60_000 },
  async () => {
    const primary = await startPostgres({ durable: true });
    servers.push(primary);
    const before = await pgTarget.prepare(primary.url);
    await before.seed(1);
    const link = await startProxy(targetOf(primary.url));
    const standby = await startStandby(link);
    servers.push(standby);
    const old = openPg(primary.url);
    const keys = ["replicated", "lost"] as const;
    const add = (opened: typeof old, key: string): Promise<{ status: string }> =>
      opened.ledger
        .operation({ operation: "top_up", key })
        .increment({ table: "accounts", where: { id: 10 }, by: { balance: 1n } });
    await add(old, keys[0]);
    const after = pgWitnessOf(standby.url);
    const balance = async (): Promise<number> => (await after.balance(1)) - 400;
    for (let wait = 0; (await balance()) !== 1 && wait < 200; wait++)
      await new Promise((r) => setTimeout(r, 25));
    // From here on nothing arrives: the acknowledgement below is one that the standby never hears of.
    await link.close();
    expect((await add(old, keys[1])).status).toBe("executed");
    await old.close();
    await before.close();
    await primary.kill();
    tally.fault("failover");
    // While it still follows, it refuses to write: an error, and neither a replay nor an execution.
    const early = openPg(standby.url);
    const refused = await settle(add(early, keys[0]));
    expect(refused.ok ? "ok" : show(refused.error)).toContain("25006");
    await after.query("select pg_promote()");
    expect(await balance()).toBe(1);
    const kept = await after.query("select key from opledger_operations");
    expect(kept).toEqual([{ key: keys[0] }]);
    const again = [(await add(early, keys[0])).status, (await add(early, keys[1])).status];
    tally.operations += 4;
    tally.attempts += 4;
    expect(again).toEqual(["replayed", "executed"]);
    expect(await balance()).toBe(2);
    await early.close();
    await after.close();
  },
);
