import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import pg from "pg";
import { afterEach, describe, expect, test, vi } from "vitest";
import { STOP_TIMEOUT_MS } from "./managed.js";
import { queryMysql } from "./mysql-query.js";
import { startPgbouncer } from "./pgbouncer.js";
import { isAlive, processTree, untilGone } from "./processes.js";
import { describeSkips, provide, type ServerName } from "./provide.js";
import { sleep } from "./system.js";
import type { Server } from "./types.js";
import { createDatabase, serverUrl } from "./use.js";

const NAMES: readonly ServerName[] = ["postgres15", "postgres17", "postgres18", "mariadb", "mysql"];
const SHARED: readonly ServerName[] = ["postgres15", "postgres17", "postgres18"];

async function queryPostgres(url: string, statement: string): Promise<string[][]> {
  const client = new pg.Client({ connectionString: url, query_timeout: 20_000 });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: statement, rowMode: "array" });
    return rows.map((row) => row.map(String));
  } finally {
    await client.end();
  }
}

function query(server: Pick<Server, "engine" | "url">, statement: string): Promise<string[][]> {
  return server.engine === "postgres"
    ? queryPostgres(server.url, statement)
    : queryMysql(server.url, statement);
}

/** Out of the command line, as an onlooker would find it. */
function directoryOf(pid: number): string {
  const { stdout } = spawnSync("ps", ["-ww", "-p", String(pid), "-o", "args="], { encoding: "utf8" });
  const path = /(\/[^ =]*\/opledger-\w+-\w+)\/data/.exec(stdout)?.[1];
  if (path === undefined) throw new Error(`no data directory in: ${stdout}`);
  return path;
}

describe.each(NAMES)("%s", (name) => {
  test("starts, keeps what was committed through kill and restart, and leaves nothing", async (context) => {
    const provided = await provide(name, { durable: true, own: true });
    if (provided.status === "skipped") return context.skip(describeSkips([provided]));
    const { server } = provided;
    try {
      expect(server.version).toMatch(/^\d+(\.\d+)+$/);
      const { pid: firstPid, url } = server;
      const directory = directoryOf(firstPid);
      await query(server, "create table survivor (id int primary key)");
      await query(server, "insert into survivor values (42)");

      const killed = processTree(firstPid);
      await server.kill();
      expect(killed.filter(isAlive)).toEqual([]);
      await expect(query(server, "select 1")).rejects.toThrow();

      await server.restart();
      expect(server.url).toBe(url);
      expect(server.pid).not.toBe(firstPid);
      expect(await query(server, "select id from survivor")).toEqual([["42"]]);

      const stopped = processTree(server.pid);
      await server.stop();
      expect(stopped.filter(isAlive)).toEqual([]);
      expect(existsSync(directory)).toBe(false);
    } finally {
      await server.stop();
    }
  });

  test("takes settings, answers nothing while paused, and stops in that state", async (context) => {
    const [setting, show] = name.startsWith("postgres")
      ? ["max_connections", "show max_connections"]
      : ["max-connections", "select @@max_connections"];
    const provided = await provide(name, { own: true, settings: { [setting]: "37" } });
    if (provided.status === "skipped") return context.skip(describeSkips([provided]));
    const { server } = provided;
    try {
      server.pause();
      const answer = query(server, show);
      const first = await Promise.race([answer.then(() => "answered"), sleep(300).then(() => "silent")]);
      expect(first).toBe("silent");
      server.resume();
      expect(await answer).toEqual([["37"]]);
      server.pause();
      // A stopped process does not see SIGTERM: stop() must not wait for its SIGKILL fallback.
      const fallback = sleep(STOP_TIMEOUT_MS).then(() => "killed");
      expect(await Promise.race([server.stop().then(() => "stopped"), fallback])).toBe("stopped");
    } finally {
      await server.stop();
    }
  });
});

describe("a Node process that ends without stop()", () => {
  const endings = {
    "process.exit": "process.exit(0)",
    "an uncaught exception": "setTimeout(() => { throw new Error('uncaught') })",
    SIGTERM: "process.kill(process.pid, 'SIGTERM')",
    SIGINT: "process.kill(process.pid, 'SIGINT')",
    SIGKILL: "process.kill(process.pid, 'SIGKILL')",
  };
  test.each(Object.entries(endings))("takes its server along: %s", async (_ending, code) => {
    const module = JSON.stringify(new URL("postgres.ts", import.meta.url).href);
    const program = `
      const { startPostgres } = await import(${module});
      const server = await startPostgres();
      console.log(server.pid);
      process.stdin.once("data", () => { ${code} });
    `;
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", program], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    const pid = await new Promise<number>((resolve, reject) => {
      child.stdout.once("data", (chunk: Buffer) => resolve(Number(chunk.toString())));
      child.once("exit", () => reject(new Error("ended before its server had started")));
    });
    const tree = processTree(pid);
    const directory = directoryOf(pid);
    expect(existsSync(directory)).toBe(true);
    child.stdin.write("now");
    await untilGone(tree);
    await expect.poll(() => existsSync(directory), { timeout: 5_000 }).toBe(false);
  });
});

describe("provide", () => {
  afterEach(() => vi.unstubAllEnvs());

  test("takes the environment's server first, and cannot kill it", async (context) => {
    const shared = SHARED.find((name) => serverUrl(name) !== undefined);
    if (shared === undefined) return context.skip("no shared PostgreSQL in this run");
    const url = serverUrl(shared);
    vi.stubEnv("TEST_POSTGRES_URL", url);
    const provided = await provide(shared);
    if (provided.status === "skipped") throw new Error(provided.reason);
    const { server } = provided;
    expect(server).toMatchObject({ url, pid: 0, engine: "postgres" });
    await expect(server.kill()).rejects.toThrow("TEST_POSTGRES_URL");
    await expect(server.restart()).rejects.toThrow("TEST_POSTGRES_URL");
    expect(() => server.pause()).toThrow("TEST_POSTGRES_URL");
    await server.stop();
    expect(await query(server, "select 1")).toEqual([["1"]]);
  });

  test("fails where nobody answers at the environment's URL", async () => {
    vi.stubEnv("TEST_MARIADB_URL", "mysql://root@127.0.0.1:1/test");
    await expect(provide("mariadb")).rejects.toThrow("TEST_MARIADB_URL is set, and no mariadb answers there");
  });

  test("skips a missing engine, and fails where it is required", async (context) => {
    vi.stubEnv("OPLEDGER_CACHE", "/nonexistent");
    vi.stubEnv("OPLEDGER_REQUIRE", "");
    const provided = await provide("mysql", { own: true });
    if (provided.status === "ready") {
      await provided.server.stop();
      return context.skip("this machine has MySQL installed outside the cache folder");
    }
    expect(describeSkips([provided])).toContain("servers:install");
    vi.stubEnv("OPLEDGER_REQUIRE", "postgres15, mysql");
    await expect(provide("mysql", { own: true })).rejects.toThrow("OPLEDGER_REQUIRE names mysql");
    vi.stubEnv("OPLEDGER_REQUIRE", "mysqll");
    await expect(provide("mysql", { own: true })).rejects.toThrow(TypeError);
  });
});

describe("shared servers", () => {
  test.for(SHARED)("%s gives every test file a database of its own", async (name, context) => {
    if (serverUrl(name) === undefined) return context.skip(`no shared ${name} in this run`);
    const [one, other] = await Promise.all([createDatabase(name), createDatabase(name)]);
    await queryPostgres(one.url, "create table mine (id int)");
    expect(await queryPostgres(other.url, "select to_regclass('mine')")).toEqual([["null"]]);
    const leftOpen = new pg.Client({ connectionString: one.url });
    leftOpen.on("error", () => undefined);
    await leftOpen.connect();
    await Promise.all([one.drop(), other.drop()]);
    await expect(queryPostgres(one.url, "select 1")).rejects.toThrow("does not exist");
  });

  test("pgbouncer stands in front of one, and leaves nothing", async (context) => {
    const shared = await provide("postgres", { own: true });
    if (shared.status === "skipped") return context.skip(describeSkips([shared]));
    try {
      const pooler = await startPgbouncer(shared.server, { poolMode: "transaction" });
      if (pooler.status === "skipped") return context.skip(`${pooler.reason}: ${pooler.howToAdd}`);
      const behind = await queryPostgres(pooler.url, "select inet_server_port()");
      expect(behind).toEqual([[String(shared.server.port)]]);
      await pooler.stop();
      await expect(queryPostgres(pooler.url, "select 1")).rejects.toThrow();
    } finally {
      await shared.server.stop();
    }
  });
});
