import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, type TestContext, test, vi } from "vitest";
import { CHARGES, DELIVERIES, planDeliveries } from "../../examples/quickstart/deliveries.js";
import { serverNames } from "../servers/provide.js";

const MAIN = fileURLToPath(new URL("../../examples/quickstart/main.ts", import.meta.url));
const RUN_TIMEOUT_MS = 240_000;
const DEATHS = 12;

interface Side {
  readonly deliveries: number;
  readonly executed: number;
  readonly replayed: number;
  readonly killed: number;
  readonly rolledBack: number;
  readonly duplicates: number;
  readonly duplicatesPrevented: number;
  readonly chargedAgain: number;
  readonly movedCents: string;
  readonly expectedCents: string;
  readonly ledgerRows?: number;
  readonly problems: readonly string[];
}

interface Told {
  readonly engine: string;
  readonly seed: number;
  readonly naive: Side;
  readonly opledger: Side;
}

/** The run's own temporary directory: its name marks every process that belongs to the run. */
let temporary: string;

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "quickstart-test-"));
  // The server's user, who is not root, has to get in.
  chmodSync(temporary, 0o755);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(temporary, { recursive: true, force: true });
});

function start(...options: string[]): ChildProcess {
  return spawn(process.execPath, ["--import", "tsx", MAIN, ...options], {
    // A process group of its own, which a Ctrl-C reaches as a whole.
    detached: true,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function finish(child: ChildProcess): Promise<{ code: unknown; output: string; errors: string }> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("the streams of the run were to be piped");
  const [[code], output, errors] = await Promise.all([once(child, "close"), text(stdout), text(stderr)]);
  return { code, output, errors };
}

/** Ids of the processes that were started in this run: by their environment, or by the data directory they name. */
function processes(): string[] {
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return ids.filter((id) => {
    try {
      const about =
        readFileSync(`/proc/${id}/environ`, "latin1") + readFileSync(`/proc/${id}/cmdline`, "latin1");
      return about.includes(temporary);
    } catch {
      return false;
    }
  });
}

/** The directories of servers that this run has started. */
function serving(): string[] {
  return readdirSync(temporary).filter((name) => /^opledger-(pg|ma|my)-/.test(name));
}

/** Skips the test where this machine lacks the engine, unless the run requires it. */
function skipWithout(
  engine: string,
  { code, errors }: { code: unknown; errors: string },
  context: TestContext,
): void {
  const required = serverNames(process.env.OPLEDGER_REQUIRE ?? "", "OPLEDGER_REQUIRE");
  if (code === 2 && /install/.test(errors) && !required.some((name) => name === engine)) context.skip(errors);
}

async function expectNothingLeft(): Promise<void> {
  expect(serving()).toEqual([]);
  if (!existsSync("/proc/self/environ")) return;
  await expect.poll(processes, { timeout: 10_000 }).toEqual([]);
}

function expectRight({ problems, ...side }: Side): void {
  expect(problems).toEqual([]);
  expect(side).toMatchObject({
    deliveries: DELIVERIES,
    executed: CHARGES,
    killed: DEATHS,
    replayed: DELIVERIES - CHARGES - side.rolledBack,
    duplicates: DELIVERIES - CHARGES - side.rolledBack,
    duplicatesPrevented: side.duplicates,
    chargedAgain: 0,
    movedCents: side.expectedCents,
    ledgerRows: CHARGES,
  });
  // Six die before COMMIT. Six more die as it leaves, and those may fall on either side of it.
  expect(side.rolledBack).toBeGreaterThanOrEqual(DEATHS / 2);
  expect(side.rolledBack).toBeLessThanOrEqual(DEATHS);
}

function expectWrong(side: Side): void {
  expect(side.deliveries).toBe(DELIVERIES);
  expect(side.killed).toBe(DEATHS);
  expect(side.executed).toBeGreaterThan(CHARGES);
  expect(side.executed + side.replayed + side.rolledBack).toBe(DELIVERIES);
  expect(BigInt(side.movedCents)).toBeGreaterThan(BigInt(side.expectedCents));
  expect(side.chargedAgain).toBeGreaterThan(0);
  expect(side.problems).not.toEqual([]);
}

describe("the quickstart", { timeout: RUN_TIMEOUT_MS }, () => {
  test.for(["postgres", "mariadb", "mysql"])(
    "--engine %s --json: every cent is right with opledger, and wrong without",
    async (name, context) => {
      const child = start("--engine", name, "--json", "--seed", "7");
      const finished = finish(child);
      if (existsSync("/proc/self/environ")) {
        // Proves that the search for what is left would find something: itself, its watchdog, the server, a worker.
        const found = (): boolean => processes().length >= 4 || child.exitCode !== null;
        await expect.poll(found, { timeout: 60_000 }).toBe(true);
      }
      const { code, output, errors } = await finished;
      skipWithout(name, { code, errors }, context);
      expect({ code, errors }).toEqual({ code: 0, errors: "" });
      const { engine, seed, naive, opledger } = JSON.parse(output) as Told;
      expect({ engine, seed }).toEqual({ engine: name, seed: 7 });
      expectRight(opledger);
      expectWrong(naive);
      const expected = planDeliveries(7).charges.reduce((total, { amountCents }) => total + amountCents, 0n);
      expect(opledger.movedCents).toBe(String(expected));
      expect(naive.expectedCents).toBe(String(expected));
      await expectNothingLeft();
    },
  );

  test("prints a table that a person can read, without colours where nobody sees them", async () => {
    const { code, output, errors } = await finish(start());
    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    expect(output).not.toContain("\u001b");
    expect(output).toMatch(/^2,000 deliveries of 500 charges, from seed 1:$/m);
    expect(output).toMatch(/^deliveries {2,}2,000 {2,}2,000$/m);
    expect(output).toMatch(/^ {2}executed {2,}[\d,]+ {2,}500$/m);
    expect(output).toMatch(/^money moved {2,}\$[\d,]+\.\d\d {2,}\$119,243\.56$/m);
    expect(output).toMatch(/^money expected {2,}\$119,243\.56 {2,}\$119,243\.56$/m);
    expect(output).toMatch(/^off by {2,}\+\$[\d,]+\.\d\d {2,}\$0\.00$/m);
    expect(output).toContain("✓ opledger made each of 500 charges once, to the cent.");
    await expectNothingLeft();
  });

  test("Ctrl-C leaves nothing behind", async () => {
    const child = start("--json");
    const finished = finish(child);
    const { pid } = child;
    if (pid === undefined) throw new Error("the run did not start");
    await expect.poll(() => serving().length, { timeout: 60_000 }).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    process.kill(-pid, "SIGINT");
    expect(await finished).toMatchObject({ code: 130, output: "" });
    await expectNothingLeft();
  });

  test("refuses an engine that it does not know, and says how to add one that is not there", async (context) => {
    const unknown = await finish(start("--engine=oracle"));
    expect(unknown.code).toBe(2);
    expect(unknown.errors).toContain("--engine must be one of postgres, mariadb, mysql");
    vi.stubEnv("OPLEDGER_CACHE", "/nonexistent");
    const { code, errors } = await finish(start("--engine=mysql", "--json"));
    if (code === 0) return context.skip("this machine has MySQL installed outside the cache folder");
    expect(code).toBe(2);
    expect(errors).toMatch(/MySQL is neither in .* nor installed: run npm run servers:install/);
  });

  test.each(["-1", "1.5", "4294967296", "x"])("refuses --seed=%s", async (seed) => {
    const { code, errors } = await finish(start(`--seed=${seed}`));
    expect(code).toBe(2);
    expect(errors).toContain("--seed must be a whole number from 0 to 4294967295");
  });
});

test("a seed gives the same deliveries again, and another seed others", () => {
  expect(planDeliveries(3)).toEqual(planDeliveries(3));
  expect(planDeliveries(3)).not.toEqual(planDeliveries(4));
  for (const seed of [0, 1, 2 ** 32 - 1]) {
    const { charges, steps, mix } = planDeliveries(seed);
    expect(charges.length).toBe(CHARGES);
    expect(mix.single + mix.concurrent + mix.killed).toBe(DELIVERIES);
    expect(mix.killed).toBe(DEATHS);
    expect(new Set(steps.map(({ charge }) => charge.id)).size).toBe(CHARGES);
  }
});
