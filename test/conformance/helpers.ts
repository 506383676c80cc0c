import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { type ErrorCode, newKey, type OperationRef, OpledgerError, type Row } from "../../src/index.js";
import type { Capabilities } from "./capabilities.js";
import type { Cases, Fixture, LedgerSettings, TestLedger } from "./target.js";

let minted = 0;
let refs = 0;

/** A retention that outlasts every run of the suite, however slow the machine. */
export const HOUR_MS = 3_600_000;

/** A text that no other case uses; plain enough to stand in SQL. */
export function unique(prefix = "k"): string {
  minted += 1;
  return `${prefix}-${minted}-${Math.random().toString(36).slice(2, 8)}`;
}

/** A number that no other case of this file uses as an id. */
export function uniqueId(): number {
  minted += 1;
  return 1_000 + minted;
}

/** Every other key carries the time of its making, which a ledger takes for a sign that it is new. */
export function ref(operation: string, more: Partial<OperationRef> = {}): OperationRef {
  refs += 1;
  return { operation, key: refs % 2 === 0 ? newKey() : unique(), ...more };
}

/** SQL text in quotes. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export async function pauseMs(delayMs: number): Promise<void> {
  await sleep(delayMs);
}

/** Registers cases where the target is able to run them, and otherwise why they are skipped. */
export function testWhere({ test, skip }: Cases, able: boolean, reason: string): Cases["test"] {
  return able ? test : (name) => skip(name, reason);
}

/** Registers cases in which several transactions write, or hold locks, at once. */
export function crowdedTest(cases: Cases): Cases["test"] {
  return testWhere(
    cases,
    cases.target.capabilities.writers === "many",
    "only one transaction at a time can write",
  );
}

/** Registers cases in which something happens beside an open transaction. */
export function besideTest(cases: Cases): Cases["test"] {
  return testWhere(
    cases,
    cases.target.capabilities.connections === "many",
    "an open transaction has the only connection",
  );
}

export const INEXACT = "the engine adds decimals as floating point";

/** The number that a query of one row and one column answers. */
export async function number(fixture: Fixture, sql: string): Promise<number> {
  const [row] = await fixture.query(sql);
  return Number(Object.values(row ?? {})[0]);
}

/** How often the effect marked with `op` took place: its table has no constraint that could hide a second one. */
export function effects(fixture: Fixture, op: string): Promise<number> {
  return number(fixture, `SELECT count(*) FROM effects WHERE op = ${literal(op)}`);
}

export function addEffect(op: string): string {
  return `INSERT INTO effects (op, note) VALUES (${literal(op)}, 'once')`;
}

/** Ledger rows of an operation, whatever their state. */
export function ledgerRows(fixture: Fixture, { scope = "", operation, key }: OperationRef): Promise<number> {
  return number(
    fixture,
    `SELECT count(*) FROM ${fixture.ledgerTable} WHERE scope = ${literal(scope)} ` +
      `AND operation = ${literal(operation)} AND ${fixture.quote("key")} = ${literal(key)}`,
  );
}

/** The one row of a table with that id. */
export async function rowOf(fixture: Fixture, table: string, id: string | number): Promise<Row | undefined> {
  const rows = await fixture.query(
    `SELECT * FROM ${table} WHERE id = ${typeof id === "number" ? id : literal(id)}`,
  );
  return rows[0];
}

export function count(fixture: Fixture, table: string, where: string): Promise<number> {
  return number(fixture, `SELECT count(*) FROM ${table} WHERE ${where}`);
}

/** What a promise was rejected with; fails where it was not. */
export async function thrown(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a rejection, got ${JSON.stringify(value)}`);
}

/** The opledger error with that code that a promise was rejected with. */
export async function refused(promise: Promise<unknown>, code: ErrorCode): Promise<OpledgerError> {
  const error = await thrown(promise);
  if (!(error instanceof OpledgerError)) throw new Error(`expected ${code}, got ${error}`, { cause: error });
  expect(error.code).toBe(code);
  return error;
}

/** The error of the caller's own that a promise was rejected with: none of opledger's. */
export async function ownError(promise: Promise<unknown>): Promise<unknown> {
  const error = await thrown(promise);
  expect(error).not.toBeInstanceOf(OpledgerError);
  return error;
}

/** Adds an account and returns its id. */
export async function account(fixture: Fixture, balance = 100, version = 1): Promise<number> {
  const id = uniqueId();
  await fixture.query(
    `INSERT INTO accounts (id, status, balance, version) VALUES (${id}, 'open', ${balance}, ${version})`,
  );
  return id;
}

/** Runs `body` with a ledger of another process, and closes its connections. */
export async function elsewhere<T>(
  fixture: Fixture,
  settings: LedgerSettings,
  body: (ledger: TestLedger) => Promise<T>,
): Promise<T> {
  const process = await fixture.process({ connections: 2 });
  try {
    return await body(process.createLedger(settings));
  } finally {
    await process.close();
  }
}

/** A promise that is settled from outside. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/**
 * Another process's call that waits for a held key from now on, as long as by default. Whoever ends while it still waits
 * was stopped by a shorter limit of its own: no clock is read, since some engines count in seconds, and the machine may be busy.
 */
export async function patience(
  fixture: Fixture,
  { writers }: Pick<Capabilities, "writers">,
): Promise<{ readonly waits: () => boolean; over(): Promise<void> }> {
  // Where one transaction at a time can write, nobody can wait for a claim beside the one that the case is about.
  if (writers === "one") return { waits: () => true, over: async () => {} };
  const op = ref("patience");
  const holder = await fixture.begin();
  await holder.ledger().once(op, () => "held");
  let waits = true;
  const ended = (): void => {
    waits = false;
  };
  const patient = elsewhere(fixture, {}, (other) => other.once(op, () => "mine"));
  patient.then(ended, ended);
  return {
    waits: () => waits,
    over: async () => {
      await holder.commit();
      await patient;
    },
  };
}

/** Runs the same call twice, and checks that the second replays the first to the last value. */
export async function twice<T extends { readonly status: string; readonly value: unknown }>(
  run: () => Promise<T>,
): Promise<{ readonly first: T; readonly second: T }> {
  const first = await run();
  const second = await run();
  expect(first.status).toBe("executed");
  expect(second).toStrictEqual({ ...first, status: "replayed" });
  return { first, second };
}
