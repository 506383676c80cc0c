import { once } from "node:events";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAnyDatabase } from "./database.js";
import { startProxy, targetOf, throughProxy } from "./proxy.js";
import { startProxyProcess } from "./spawn.js";

let database: { url: string; drop(): Promise<void> };

beforeAll(async () => {
  database = await createAnyDatabase();
});

afterAll(async () => {
  await database?.drop();
});

/** `pipeline` is newer than the published types. */
type Config = pg.ClientConfig & { readonly pipeline?: boolean };

describe("round trips", () => {
  it("counts answered bursts, and neither startup nor Terminate", async () => {
    const proxy = await startProxy(targetOf(database.url));
    const client = new pg.Client(throughProxy(database.url, proxy));
    await client.connect();
    expect(proxy.roundTrips()).toBe(0);
    await client.query("select $1::int", [1]);
    expect(proxy.roundTrips()).toBe(1);

    await client.query("create temporary table counters (n int)");
    proxy.resetCounters();
    await client.query("begin");
    await client.query("update counters set n = n + $1", [1]);
    await client.query("commit");
    expect(proxy.roundTrips()).toBe(3);
    await client.end();
    expect(proxy.roundTrips()).toBe(3);
    await proxy.close();
  });

  it("does not take a notice for an answer", async () => {
    const proxy = await startProxy(targetOf(database.url));
    const config: Config = { connectionString: throughProxy(database.url, proxy), pipeline: true };
    const client = new pg.Client(config);
    await client.connect();
    const noticed = once(client, "notice");
    const first = client.query("do $$ begin raise notice 'hello'; perform pg_sleep(0.1); end $$");
    await noticed;
    // Sent before any answer, so the two queries are one burst, although the server has spoken in between.
    await Promise.all([first, client.query("select 1")]);
    expect(proxy.roundTrips()).toBe(1);
    await client.end();
    await proxy.close();
  });

  it("counts a pipeline as one", async () => {
    const proxy = await startProxy(targetOf(database.url), { delayMs: 2 });
    const config: Config = { connectionString: throughProxy(database.url, proxy), pipeline: true };
    const client = new pg.Client(config);
    await client.connect();
    await Promise.all(
      ["begin", "select 1", "commit"]
        .map((sql) => client.query(sql))
        .concat(client.query("select $1", ["2"])),
    );
    expect(proxy.roundTrips()).toBe(1);
    await client.end();
    await proxy.close();
  });
});

describe("latency", () => {
  it("adds the delay in both directions, in a process of its own", async () => {
    const proxy = await startProxyProcess(targetOf(database.url), { delayMs: 0.5 });
    const client = new pg.Client(throughProxy(database.url, proxy));
    await client.connect();
    await proxy.resetCounters();
    const timesMs: number[] = [];
    for (let round = 0; round < 200; round += 1) {
      const startedMs = performance.now();
      await client.query("select 1");
      timesMs.push(performance.now() - startedMs);
    }
    expect(await proxy.roundTrips()).toBe(200);
    await client.end();
    await proxy.close();
    timesMs.sort((a, b) => a - b);
    // What is added is no less; that it is no more than asked for, `DelayLine` shows on a clock of the test's.
    expect(timesMs[0]).toBeGreaterThanOrEqual(1);
  });

  it("keeps order and content under delay", async () => {
    const proxy = await startProxy(targetOf(database.url), { delayMs: 10 });
    const client = new pg.Client(throughProxy(database.url, proxy));
    await client.connect();
    const startedMs = performance.now();
    const { rows } = await client.query<{ n: number }>("select n from generate_series(1, 20000) n");
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(20);
    expect(rows.every((row, at) => row.n === at + 1)).toBe(true);
    expect(rows).toHaveLength(20_000);
    await client.end();
    await proxy.close();
  });

  it("cuts a delayed message only after it was delivered", async () => {
    const proxy = await startProxy(targetOf(database.url), { delayMs: 20 });
    const client = new pg.Client(throughProxy(database.url, proxy));
    client.on("error", () => {});
    await client.connect();
    await client.query("create table delayed (n int)");
    proxy.arm({ direction: "client", moment: "after", how: "reset" });
    await expect(client.query("insert into delayed values (1)")).rejects.toThrow();
    await proxy.drained();
    await proxy.close();
    const direct = new pg.Client(database.url);
    await direct.connect();
    expect((await direct.query("select from delayed")).rowCount).toBe(1);
    await direct.end();
  });
});
