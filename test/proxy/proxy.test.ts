import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createAnyDatabase } from "./database.js";
import { cutPoints, type Fault, type FaultProxy, startProxy, targetOf, throughProxy } from "./proxy.js";

let database: { url: string; drop(): Promise<void> };
let admin: pg.Client;
let proxy: FaultProxy;
let nextKey = 0;

beforeAll(async () => {
  database = await createAnyDatabase();
  admin = new pg.Client(database.url);
  await admin.connect();
  await admin.query("create table effects (key int not null, filler text)");
});

afterAll(async () => {
  await admin?.end();
  await database?.drop();
});

beforeEach(async () => {
  proxy = await startProxy(targetOf(database.url));
});

afterEach(async () => {
  await proxy.close();
});

interface Session {
  readonly client: pg.Client;
  readonly pid: number;
  /** Resolves with the first error outside a query. */
  readonly lost: Promise<Error>;
}

async function connect(options: pg.ClientConfig = {}): Promise<Session> {
  const client = new pg.Client({ connectionString: throughProxy(database.url, proxy), ...options });
  const lost = new Promise<Error>((resolve) => client.on("error", resolve));
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return { client, pid: rows[0]?.pid ?? 0, lost };
}

async function backendLives(pid: number): Promise<boolean> {
  const { rowCount } = await admin.query("select from pg_stat_activity where pid = $1", [pid]);
  return rowCount === 1;
}

async function backendEnded(pid: number): Promise<void> {
  await expect.poll(() => backendLives(pid), { interval: 5, timeout: 10_000 }).toBe(false);
}

async function effects(key: number): Promise<number> {
  const { rows } = await admin.query("select from effects where key = $1", [key]);
  return rows.length;
}

type Outcome = "success" | "error";

/** BEGIN, INSERT, COMMIT under a fault armed before `armBefore`; what the client saw and what the server kept. */
async function scenario(fault: Fault, armBefore: "begin" | "commit"): Promise<[Outcome, number, Session]> {
  const session = await connect();
  nextKey += 1;
  const key = nextKey;
  let outcome: Outcome = "success";
  try {
    if (armBefore === "begin") {
      proxy.arm(fault);
    }
    await session.client.query("begin");
    await session.client.query("insert into effects (key) values ($1)", [key]);
    if (armBefore === "commit") {
      proxy.arm(fault);
    }
    await session.client.query("commit");
  } catch {
    outcome = "error";
  }
  expect(proxy.fired).toBe(true);
  await backendEnded(session.pid);
  return [outcome, await effects(key), session];
}

/** The COMMIT itself, then the two messages of its answer; `index` counts per direction from arming. */
const COMMIT_CUTS = [
  { direction: "client", moment: "before", message: "Query", seen: "error", kept: 0 },
  { direction: "client", moment: "mid", message: "Query", seen: "error", kept: 0 },
  { direction: "client", moment: "after", message: "Query", seen: "error", kept: 1 },
  { direction: "server", moment: "before", message: "CommandComplete", seen: "error", kept: 1 },
  { direction: "server", moment: "mid", message: "CommandComplete", seen: "error", kept: 1 },
  // pg settles a query when ReadyForQuery arrives, so the tag alone is not yet a success.
  { direction: "server", moment: "after", message: "CommandComplete", seen: "error", kept: 1 },
] as const;

describe.each(["reset", "fin"] as const)("a COMMIT cut by %s", (how) => {
  it.each(COMMIT_CUTS)("$moment $message of the $direction: client sees $seen, $kept rows", async (cut) => {
    const { direction, moment } = cut;
    const [seen, kept] = await scenario({ direction, moment, how }, "commit");
    expect([seen, kept]).toEqual([cut.seen, cut.kept]);
    expect(proxy.faults).toHaveLength(1);
    expect(proxy.faults[0]?.message.name).toBe(cut.message);
    expect(proxy.faults[0]?.message.text.toLowerCase()).toBe("commit");
  });

  it("after ReadyForQuery is a success, and a lost connection afterwards", async () => {
    const fault = { direction: "server", moment: "after", how, index: 1 } as const;
    const [seen, kept, { lost }] = await scenario(fault, "commit");
    expect([seen, kept]).toEqual(["success", 1]);
    expect(await lost).toBeInstanceOf(Error);
    expect(proxy.faults[0]?.message).toMatchObject({ name: "ReadyForQuery", text: "I" });
  });
});

it("shows the client which kind of cut it was", async () => {
  const cut = { direction: "client", moment: "after" } as const;
  const reset = await connect();
  proxy.arm({ ...cut, how: "reset" });
  await expect(reset.client.query("select 1")).rejects.toMatchObject({ code: "ECONNRESET" });
  const fin = await connect();
  proxy.arm({ ...cut, how: "fin" });
  await expect(fin.client.query("select 1")).rejects.toThrow("Connection terminated unexpectedly");
});

it("drained() waits for the server to have processed a message that it got before the cut", async () => {
  const { client, pid } = await connect();
  proxy.arm({ direction: "client", moment: "after", how: "reset" });
  const sleeper = "with slept as (select pg_sleep(0.3)) insert into effects select -1, '' from slept";
  await expect(client.query(sleeper)).rejects.toThrow();
  expect(await effects(-1)).toBe(0);
  await proxy.drained();
  expect(await effects(-1)).toBe(1);
  await backendEnded(pid);
});

describe("a blackhole", () => {
  it.each([
    ["client", "before", 0],
    ["client", "mid", 0],
    ["client", "after", 1],
    ["server", "before", 1],
  ] as const)("%s %s COMMIT: the client hangs until its own timeout, %i rows", async (...row) => {
    const [direction, moment, rows] = row;
    const { client, pid } = await connect({ query_timeout: 300 });
    nextKey += 1;
    await client.query("begin");
    await client.query("insert into effects (key) values ($1)", [nextKey]);
    proxy.arm({ direction, moment, how: "blackhole" });
    await expect(client.query("commit")).rejects.toThrow("Query read timeout");
    expect(await effects(nextKey)).toBe(rows);

    // Not even the client's end reaches the server: only the proxy lets go.
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await backendLives(pid)).toBe(true);
    proxy.releaseBlackholes();
    await backendEnded(pid);
    expect(await effects(nextKey)).toBe(rows);
  });
});

it("cuts a recorded scenario once per message and moment, and success always means one row", async () => {
  const { client } = await connect();
  const trace = await proxy.trace(async () => {
    await client.query("begin");
    await client.query("insert into effects (key) values ($1)", [0]);
    await client.query("commit");
  });
  await client.end();
  const fromClient = trace.filter((message) => message.direction === "client");
  expect([fromClient.length, trace.length]).toEqual([7, 16]);

  const points = cutPoints(trace);
  expect(points).toHaveLength(48);
  expect(new Set(points.map((point) => point.label)).size).toBe(48);
  const tally = { success: 0, unknownKept: 0, unknownLost: 0 };
  for (const point of points) {
    const [seen, kept] = await scenario({ ...point, how: "reset" }, "begin");
    if (seen === "success") {
      expect(kept, point.label).toBe(1);
      tally.success += 1;
    } else {
      tally[kept === 1 ? "unknownKept" : "unknownLost"] += 1;
    }
  }
  // Success: ReadyForQuery of COMMIT arrived whole. Kept: COMMIT reached the server whole, up to half a ReadyForQuery.
  expect(tally).toEqual({ success: 1, unknownKept: 6, unknownLost: 41 });
});

it("counts messages over all connections from arming on, fires once, and can be disarmed", async () => {
  const [first, second] = [await connect(), await connect()];
  proxy.arm({ direction: "client", moment: "before", how: "reset", index: 2 });
  await first.client.query("select 1");
  await second.client.query("select 2");
  expect(proxy.fired).toBe(false);
  await expect(second.client.query("select 3")).rejects.toThrow();
  expect(proxy.fired).toBe(true);
  await first.client.query("select 4");

  proxy.arm({ direction: "client", moment: "before", how: "reset" });
  expect(proxy.fired).toBe(false);
  proxy.disarm();
  await first.client.query("select 5");
  await first.client.end();
  expect(proxy.faults).toHaveLength(1);
  await expect.poll(() => proxy.connections).toBe(0);
});

it("cuts during startup only when asked to", async () => {
  proxy.arm({ direction: "client", moment: "mid", how: "fin", phase: "startup" });
  await expect(connect()).rejects.toThrow();
  expect(proxy.faults[0]?.message).toMatchObject({ name: "StartupMessage", phase: "startup" });
});

it("streams messages larger than every buffer, and cuts them in the middle", async () => {
  const filler = "x".repeat(8 * 1024 * 1024);
  const { client, pid } = await connect();
  const insert = "insert into effects values ($1, $2) returning filler";
  const { rows } = await client.query<{ filler: string }>(insert, [-2, filler]);
  expect(rows[0]?.filler === filler).toBe(true);
  proxy.arm({
    direction: "client",
    moment: "mid",
    how: "fin",
    match: (message) => message.length > filler.length,
  });
  await expect(client.query(insert, [-3, filler])).rejects.toThrow();
  await backendEnded(pid);
  expect(await effects(-3)).toBe(0);
});

it("closes with clients connected", async () => {
  const { lost, pid } = await connect();
  await proxy.close();
  expect(await lost).toBeInstanceOf(Error);
  await backendEnded(pid);
});
