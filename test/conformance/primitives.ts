import type { BatchOutcome, OperationRef } from "../../src/index.js";
import { addEffect, count, literal, number, ref, uniqueId } from "./helpers.js";
import type { Fixture, TestLedger } from "./target.js";

/** What one call of a race was told, per operation that it concerns. */
export type Told = readonly { readonly status: string; readonly value?: unknown; readonly effect?: string }[];

/** One way to write, as a race needs it. */
export interface Primitive {
  readonly name: string;
  /** How many operations one call concerns. */
  readonly operations: number;
  /** Makes the row that is written, where there must be one. */
  prepare?(fixture: Fixture, id: string): Promise<unknown>;
  run(ledger: TestLedger, ops: readonly OperationRef[], id: string): Promise<Told>;
  /** How often the effect took place, counted where nothing hides a second time. */
  applied(fixture: Fixture, id: string): Promise<number>;
}

function first(ops: readonly OperationRef[]): OperationRef {
  const [op] = ops;
  if (op === undefined) throw new Error("a race without an operation");
  return op;
}

async function watched(fixture: Fixture, id: string): Promise<unknown> {
  return fixture.query(`INSERT INTO watched (id) VALUES (${literal(id)})`);
}

const writes = (fixture: Fixture, id: string) =>
  number(fixture, `SELECT max(writes) FROM watched WHERE id = ${literal(id)}`);

function told(outcomes: readonly BatchOutcome<unknown>[]): Told {
  return outcomes.map((outcome) =>
    outcome.status === "refused" ? { status: String(outcome.error) } : outcome,
  );
}

const SINGLE: readonly Primitive[] = [
  {
    name: "once",
    operations: 1,
    run: async (ledger, ops, id) => [
      await ledger.once(first(ops), async (tx) => {
        await tx.query(addEffect(id));
        return { id, at: new Date(0), total: 7n };
      }),
    ],
    applied: (fixture, id) => count(fixture, "effects", `op = ${literal(id)}`),
  },
  {
    name: "insert",
    operations: 1,
    run: async (ledger, ops, id) => [
      await ledger.operation(first(ops)).insert({ into: "entries", values: { tag: id } }),
    ],
    applied: (fixture, id) => count(fixture, "entries", `tag = ${literal(id)}`),
  },
  {
    name: "insert with conflict",
    operations: 1,
    run: async (ledger, ops, id) => [
      await ledger
        .operation(first(ops))
        .insert({ into: "users", values: { email: id, name: id }, conflict: ["email"] }),
    ],
    applied: (fixture, id) => count(fixture, "users", `email = ${literal(id)}`),
  },
  {
    name: "upsert",
    operations: 1,
    run: async (ledger, ops, id) => [
      await ledger.operation(first(ops)).upsert({ into: "watched", values: { id, n: 5 }, conflict: ["id"] }),
    ],
    applied: writes,
  },
  {
    name: "update set",
    operations: 1,
    prepare: watched,
    run: async (ledger, ops, id) => [
      await ledger.operation(first(ops)).update({ table: "watched", where: { id, n: 0 }, set: { n: 9 } }),
    ],
    applied: async (fixture, id) => (await writes(fixture, id)) - 1,
  },
  {
    name: "compare-and-set",
    operations: 1,
    prepare: watched,
    run: async (ledger, ops, id) => [
      await ledger
        .operation(first(ops))
        .update({ table: "watched", where: { id }, version: 1, set: { n: 9 } }),
    ],
    applied: async (fixture, id) =>
      (await number(fixture, `SELECT version FROM watched WHERE id = ${literal(id)}`)) - 1,
  },
  {
    name: "increment",
    operations: 1,
    prepare: watched,
    run: async (ledger, ops, id) => [
      await ledger.operation(first(ops)).increment({ table: "watched", where: { id }, by: { n: 1 } }),
    ],
    applied: (fixture, id) => number(fixture, `SELECT n FROM watched WHERE id = ${literal(id)}`),
  },
  {
    name: "delete",
    operations: 1,
    prepare: watched,
    run: async (ledger, ops, id) => [
      await ledger.operation(first(ops)).delete({ from: "watched", where: { id } }),
    ],
    applied: (fixture, id) => count(fixture, "watched_log", `id = ${literal(id)}`),
  },
];

const BATCHES: readonly Primitive[] = [
  {
    name: "insertMany",
    operations: 3,
    run: async (ledger, ops, id) =>
      told(await ledger.insertMany(ops.map((op) => ({ ...op, into: "entries", values: { tag: id } })))),
    applied: async (fixture, id) => (await count(fixture, "entries", `tag = ${literal(id)}`)) / 3,
  },
  {
    name: "incrementMany",
    operations: 3,
    prepare: watched,
    run: async (ledger, ops, id) =>
      told(
        await ledger.incrementMany(
          ops.map((op) => ({ ...op, table: "watched", where: { id }, by: { n: 1 } })),
        ),
      ),
    applied: async (fixture, id) =>
      (await number(fixture, `SELECT n FROM watched WHERE id = ${literal(id)}`)) / 3,
  },
];

export function primitives(batches: boolean): readonly Primitive[] {
  return batches ? [...SINGLE, ...BATCHES] : SINGLE;
}

/** The operations, and the row, of one race. */
export function contest(primitive: Primitive): {
  readonly id: string;
  readonly ops: readonly OperationRef[];
} {
  const ops = Array.from({ length: primitive.operations }, () => ref(primitive.name));
  return { id: `race-${uniqueId()}-${first(ops).key}`, ops };
}
