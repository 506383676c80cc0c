import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLedger, type PgLedger } from "../../src/adapters/pg/index.js";
import type { LedgerEvent } from "../../src/core/events.js";
import { newKey } from "../../src/core/operation.js";
import { ledgerMigrations } from "../../src/migrations/index.js";
import { type FaultProxy, startProxy, targetOf, throughProxy } from "../proxy/proxy.js";
import { createDatabase, serverUrl } from "../servers/use.js";

/** A UUIDv7 of the year 2020: its request comes late, and so may well be a repeat. */
function oldKey(): string {
  return `016f5e66-e800-${newKey().slice(14)}`;
}

describe.skipIf(serverUrl("postgres15") === undefined)(
  "round trips on PostgreSQL, counted on the wire",
  () => {
    let drop: () => Promise<void>;
    let proxy: FaultProxy;
    let pool: pg.Pool;
    let elsewhere: pg.Pool;
    let ledger: PgLedger;
    let events: LedgerEvent[] = [];

    beforeAll(async () => {
      const database = await createDatabase("postgres15");
      drop = database.drop;
      elsewhere = new pg.Pool({ connectionString: database.url, max: 1 });
      for (const { up } of ledgerMigrations("postgres")) await elsewhere.query(up);
      await elsewhere.query("CREATE TABLE counters (id int PRIMARY KEY, n bigint NOT NULL)");
      await elsewhere.query("INSERT INTO counters VALUES (1, 0)");
      proxy = await startProxy(targetOf(database.url));
      pool = new pg.Pool({ connectionString: throughProxy(database.url, proxy), max: 1 });
      ledger = createLedger(pool, { onEvent: (event) => events.push(event) });
      await pool.query("SELECT");
    });

    afterAll(async () => {
      await pool?.end();
      await elsewhere?.end();
      await proxy?.close();
      await drop?.();
    });

    const increment = (by: PgLedger, key: string) =>
      by
        .operation({ operation: "add", key })
        .increment({ table: "counters", where: { id: 1 }, by: { n: 1 } });
    const once = (by: PgLedger, key: string) => by.once({ operation: "once", key }, () => 1);

    async function tripsOf(run: () => Promise<{ readonly status: string }>): Promise<unknown[]> {
      proxy.resetCounters();
      events = [];
      const { status } = await run();
      return [status, proxy.roundTrips(), events.map(({ type }) => type).join(" ")];
    }

    const KEYS = [
      ["minted just now", newKey],
      ["minted long ago", oldKey],
      ["without a time", () => `order-${newKey()}`],
    ] as const;

    it.each(KEYS)(
      "a key %s: a bound write is one, and so is its replay in the same process",
      async (_, make) => {
        const key = make();
        expect(await tripsOf(() => increment(ledger, key))).toStrictEqual(["executed", 1, "executed"]);
        expect(await tripsOf(() => increment(ledger, key))).toStrictEqual(["replayed", 1, "replayed"]);
      },
    );

    it.each(KEYS)("a key %s: `once` is two, and its replay in the same process one", async (_, make) => {
      const key = make();
      expect(await tripsOf(() => once(ledger, key))).toStrictEqual(["executed", 2, "executed"]);
      expect(await tripsOf(() => once(ledger, key))).toStrictEqual(["replayed", 1, "replayed"]);
    });

    it.each([
      ["minted just now", newKey, 2, 3],
      ["minted long ago", oldKey, 1, 2],
      ["without a time", () => `order-${newKey()}`, 1, 2],
    ] as const)(
      "a key %s that another process has used: replays as well",
      async (_, make, ofWrite, ofOnce) => {
        const key = make();
        const other = createLedger(elsewhere);
        expect((await increment(other, key)).status).toBe("executed");
        expect((await once(other, key)).status).toBe("executed");
        expect(await tripsOf(() => increment(ledger, key))).toStrictEqual(["replayed", ofWrite, "replayed"]);
        expect(await tripsOf(() => once(ledger, key))).toStrictEqual(["replayed", ofOnce, "replayed"]);
      },
    );
  },
);
