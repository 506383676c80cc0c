import { afterAll, beforeAll, describe, expect } from "vitest";
import type { IsolationLevel, OperationRef } from "../../src/index.js";
import { ledgerRows, pauseMs } from "./helpers.js";
import { contest, type Primitive, primitives, type Told } from "./primitives.js";
import type {
  Cases,
  Concern,
  Fixture,
  LedgerSettings,
  OpenTransaction,
  Process,
  TestLedger,
} from "./target.js";

/** At least this many duplicates of every call. */
export const DUPLICATES = 20;
/** Each has a pool of its own, as processes have. */
const PROCESSES = 4;

/**
 * The ledgers of a race: `DUPLICATES` of them over `PROCESSES` pools. One ledger makes duplicates of `once` wait in
 * memory, so every call has its own, and all of them meet in the database.
 */
export class Crowd {
  readonly #processes: Process[] = [];

  async open(fixture: Fixture, isolation: IsolationLevel): Promise<void> {
    for (let n = 0; n < PROCESSES; n++) {
      this.#processes.push(await fixture.process({ connections: DUPLICATES / PROCESSES, isolation }));
    }
  }

  ledgers(settings: LedgerSettings = {}): TestLedger[] {
    return Array.from({ length: DUPLICATES }, (_, index) => {
      const process = this.#processes[index % PROCESSES];
      if (process === undefined) throw new Error("the crowd is not open");
      return process.createLedger(settings);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.splice(0).map((process) => process.close()));
  }
}

export const duplicateRaces: Concern = {
  name: "duplicates race",
  register: (cases) => {
    const { isolationLevels, batches, within } = cases.target.capabilities;
    for (const isolation of isolationLevels) {
      describe(isolation, () => {
        const crowd = new Crowd();
        beforeAll(() => crowd.open(cases.fixture(), isolation));
        afterAll(() => crowd.close());
        for (const primitive of primitives(batches)) {
          free(cases, crowd, primitive);
          for (const end of ["commit", "rollback"] as const) {
            if (within) held(cases, crowd, primitive, isolation, end);
            else cases.skip(`${primitive.name}, held, then ${end}`, "this client cannot join a transaction");
          }
        }
      });
    }
  },
};

function free({ test }: Cases, crowd: Crowd, primitive: Primitive): void {
  test(`${primitive.name}: a free race`, async (fixture) => {
    const { id, ops } = contest(primitive);
    await primitive.prepare?.(fixture, id);
    const all = await Promise.all(crowd.ledgers().map((ledger) => primitive.run(ledger, ops, id)));
    expectOneExecution(all, ops);
    await expectOnce(fixture, primitive, id, ops);
  });
}

function held(
  { test }: Cases,
  crowd: Crowd,
  primitive: Primitive,
  isolation: IsolationLevel,
  end: "commit" | "rollback",
): void {
  const fate = end === "commit" ? "commits" : "rolls back";
  test(`${primitive.name}: the winner is held open, then ${fate}`, async (fixture) => {
    const { id, ops } = contest(primitive);
    await primitive.prepare?.(fixture, id);
    const holder: OpenTransaction = await fixture.begin(isolation);
    const won = await primitive.run(holder.ledger(), ops, id);
    expect(won.map(({ status }) => status)).toStrictEqual(ops.map(() => "executed"));
    const waiting = Promise.all(crowd.ledgers().map((ledger) => primitive.run(ledger, ops, id)));
    waiting.catch(() => {});
    await pauseMs(100);
    await holder[end]();
    const all = await waiting;
    if (end === "commit") expectReplays(all, won);
    else expectOneExecution(all, ops);
    await expectOnce(fixture, primitive, id, ops);
  });
}

/** Per operation exactly one call executed it, and every other was told the very same. */
function expectOneExecution(all: readonly Told[], ops: readonly OperationRef[]): void {
  ops.forEach((_, index) => {
    const told = all.map((outcomes) => outcomes[index]);
    const executed = told.filter((outcome) => outcome?.status === "executed");
    expect(told.map((outcome) => outcome?.status).sort()).toStrictEqual([
      "executed",
      ...Array.from({ length: DUPLICATES - 1 }, () => "replayed"),
    ]);
    for (const outcome of told) expect({ ...outcome, status: "executed" }).toStrictEqual(executed[0]);
  });
}

function expectReplays(all: readonly Told[], won: Told): void {
  const replays = won.map((outcome) => ({ ...outcome, status: "replayed" }));
  for (const told of all) expect(told).toStrictEqual(replays);
}

async function expectOnce(
  fixture: Fixture,
  primitive: Primitive,
  id: string,
  ops: readonly OperationRef[],
): Promise<void> {
  expect(await primitive.applied(fixture, id)).toBe(1);
  for (const op of ops) expect(await ledgerRows(fixture, op)).toBe(1);
}
