import type { OperationRef } from "../../src/core/operation.js";
import type { Outcome, Refused, WriteOutcome } from "../../src/core/outcome.js";
import type { Opened } from "./target.js";

/** What a call said of one operation. */
export interface Answer {
  readonly status: "executed" | "replayed";
  readonly effect: string | undefined;
  readonly value: unknown;
}

/** One use of the public API, which a cell of the matrix runs under a fault and then again. */
export interface Scenario {
  readonly name: string;
  /** Whether the transaction is the caller's, who has to repeat it himself. */
  readonly joined: boolean;
  /** Row changes that it commits where it runs once. */
  readonly applied: number;
  /** What it adds to the cell's balances. */
  readonly balance: number;
  operations(n: number): OperationRef[];
  run<Tx>(opened: Opened<Tx>, n: number): Promise<Answer[]>;
}

type Run = <Tx>(opened: Opened<Tx>, n: number, refs: readonly OperationRef[]) => Promise<Answer[]>;

interface Given {
  readonly joined?: boolean;
  readonly applied?: number;
  readonly balance?: number;
  readonly operations?: number;
}

function scenario(name: string, run: Run, given: Given = {}): Scenario {
  const { joined = false, applied = 1, balance = 0, operations: count = 1 } = given;
  const operations = (n: number): OperationRef[] =>
    Array.from({ length: count }, (_, index) => ({ operation: name, key: `cell-${n}-${index}` }));
  return { name, joined, applied, balance, operations, run: (opened, n) => run(opened, n, operations(n)) };
}

function one(run: <Tx>(opened: Opened<Tx>, n: number, ref: OperationRef) => Promise<Answer>): Run {
  return async (opened, n, [ref]) => (ref === undefined ? [] : [await run(opened, n, ref)]);
}

function answer(outcome: Outcome<unknown> | WriteOutcome<unknown> | Refused): Answer {
  if (outcome.status === "refused") throw outcome.error;
  return {
    status: outcome.status,
    effect: "effect" in outcome ? outcome.effect : undefined,
    value: outcome.value,
  };
}

const account = (n: number, k = 0): { id: number } => ({ id: n * 10 + k });
const person = (n: number): { n: number; email: string; name: string } => ({
  n,
  email: `${n}@example.org`,
  name: "Ada",
});

const within: Run = (opened, n, [first, second]) =>
  opened.joined(async (ledger) => {
    if (first === undefined || second === undefined) return [];
    const once = await ledger.once(first, async (tx) => {
      await opened.effect(tx, n);
      return { n };
    });
    const increment = await ledger.operation(second).increment({
      table: "accounts",
      where: account(n),
      by: { balance: 7n },
    });
    return [answer(once), answer(increment)];
  });

export const ONCE: Scenario = scenario(
  "once",
  one(async (opened, n, ref) =>
    answer(
      await opened.ledger.once({ ...ref, payload: { n } }, async (tx) => {
        await opened.effect(tx, n);
        return { n, text: "é\u0000", big: 12345678901234567890n, none: undefined };
      }),
    ),
  ),
);

/** `once`, and every single-statement write. */
export const SCENARIOS: readonly Scenario[] = [
  ONCE,
  scenario(
    "insert",
    one(async ({ ledger }, n, ref) =>
      answer(await ledger.operation(ref).insert({ into: "effects", values: { n, note: "insert" } })),
    ),
  ),
  scenario(
    "insert with conflict",
    one(async ({ ledger }, n, ref) =>
      answer(await ledger.operation(ref).insert({ into: "people", values: person(n), conflict: ["email"] })),
    ),
  ),
  scenario(
    "upsert",
    one(async ({ ledger }, n, ref) =>
      answer(await ledger.operation(ref).upsert({ into: "people", values: person(n), conflict: ["email"] })),
    ),
  ),
  scenario(
    "update",
    one(async ({ ledger }, n, ref) =>
      answer(
        await ledger.operation(ref).update({ table: "accounts", where: account(n), set: { status: "shut" } }),
      ),
    ),
  ),
  scenario(
    "compare-and-set",
    one(async ({ ledger }, n, ref) =>
      answer(
        await ledger
          .operation(ref)
          .update({ table: "accounts", where: account(n), version: 1, set: { status: "shut" } }),
      ),
    ),
  ),
  scenario(
    "increment",
    one(async ({ ledger }, n, ref) =>
      answer(
        await ledger.operation(ref).increment({ table: "accounts", where: account(n), by: { balance: 7n } }),
      ),
    ),
    { balance: 7 },
  ),
  scenario(
    "delete",
    one(async ({ ledger }, n, ref) =>
      answer(await ledger.operation(ref).delete({ from: "accounts", where: account(n) })),
    ),
    { balance: -100 },
  ),
  scenario(
    "insertMany",
    async ({ ledger }, n, refs) =>
      (
        await ledger.insertMany(
          refs.map((ref, k) => ({ ...ref, into: "effects", values: { n, note: `many ${k}` } })),
        )
      ).map(answer),
    { operations: 3, applied: 3 },
  ),
  scenario(
    "incrementMany",
    async ({ ledger }, n, refs) =>
      (
        await ledger.incrementMany(
          refs.map((ref, k) => ({
            ...ref,
            table: "accounts",
            where: account(n, k),
            by: { balance: 7n },
          })),
        )
      ).map(answer),
    { operations: 3, applied: 3, balance: 21 },
  ),
  scenario("within", within, { joined: true, operations: 2, applied: 2, balance: 7 }),
];
