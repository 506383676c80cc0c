import { describe, expect, it } from "vitest";
import type { ClaimedOperation } from "../../src/core/dialect.js";
import { identify } from "../../src/core/operation.js";
import { claimWrite } from "../../src/core/write.js";
import {
  COLUMNS_MAX,
  type DeleteArgs,
  deleteWrite,
  type IncrementArgs,
  type InsertArgs,
  incrementWrite,
  insertWrite,
  type UpdateArgs,
  type UpsertArgs,
  updateWrite,
  upsertWrite,
  type Write,
} from "../../src/core/writes.js";

function claim(write: Write, payload?: unknown): ClaimedOperation {
  return claimWrite(identify({ operation: "o", key: "k" }, 1), { operation: "o", key: "k", payload }, write);
}

const print = (write: Write, payload?: unknown): string => claim(write, payload).fingerprint.toString("hex");

describe("arguments that are refused before anything is sent", () => {
  const wide = Object.fromEntries(
    Array.from({ length: COLUMNS_MAX + 1 }, (_, index) => [`c${index}`, index]),
  );
  const insert = (args: object) => () => insertWrite(args as InsertArgs);
  const upsert = (args: object) => () => upsertWrite(args as UpsertArgs);
  const update = (args: object) => () => updateWrite(args as UpdateArgs);
  const increment = (args: object) => () => incrementWrite(args as IncrementArgs);
  const remove = (args: object) => () => deleteWrite(args as DeleteArgs);
  it.each<[string, () => Write, RegExp]>([
    ["no table", insert({ values: { a: 1 } }), /`into` must be/],
    ["an empty table", insert({ into: "", values: {} }), /`into` must be/],
    ["a path of three", insert({ into: "a.b.c", values: {} }), /`into` must be/],
    ["a path that ends in a dot", insert({ into: "a.", values: {} }), /`into` must be/],
    ["no values", insert({ into: "t" }), /`values` must be an object/],
    ["a list of values", insert({ into: "t", values: [1] }), /`values` must be an object/],
    ["too many columns", insert({ into: "t", values: wide }), /more than 1600 columns/],
    [
      "conflict on a column without a value",
      insert({ into: "t", values: { a: 1 }, conflict: ["b"] }),
      /"b" is not/,
    ],
    [
      "conflict on an undefined value",
      insert({ into: "t", values: { a: undefined }, conflict: ["a"] }),
      /"a" is not/,
    ],
    ["an empty conflict", insert({ into: "t", values: { a: 1 }, conflict: [] }), /list of column names/],
    ["conflict as text", insert({ into: "t", values: { a: 1 }, conflict: "a" }), /list of column names/],
    ["an empty returning", insert({ into: "t", values: { a: 1 }, returning: [] }), /list of column names/],
    ["an upsert of nothing", upsert({ into: "t", values: {}, conflict: ["a"] }), /`values` is empty/],
    ["an upsert without conflict", upsert({ into: "t", values: { a: 1 } }), /list of column names/],
    [
      "an upsert with nothing to update",
      upsert({ into: "t", values: { a: 1 }, conflict: ["a"] }),
      /nothing to update/,
    ],
    [
      "an upsert of a column it lacks",
      upsert({ into: "t", values: { a: 1 }, conflict: ["a"], update: ["b"] }),
      /"b"/,
    ],
    ["an update of every row", update({ table: "t", where: {}, set: { a: 1 } }), /`where` is empty/],
    ["an update without where", update({ table: "t", set: { a: 1 } }), /`where` must be an object/],
    [
      "a where that is undefined",
      update({ table: "t", where: { id: undefined }, set: { a: 1 } }),
      /`where.id`/,
    ],
    ["a set that is undefined", update({ table: "t", where: { id: 1 }, set: { a: undefined } }), /`set.a`/],
    ["an empty set", update({ table: "t", where: { id: 1 }, set: {} }), /`set` is empty/],
    [
      "a fractional version",
      update({ table: "t", where: { id: 1 }, set: { a: 1 }, version: 1.5 }),
      /whole number/,
    ],
    [
      "a version as text",
      update({ table: "t", where: { id: 1 }, set: { a: 1 }, version: "1" }),
      /whole number/,
    ],
    [
      "a set of the version",
      update({ table: "t", where: { id: 1 }, set: { version: 2 }, version: 1 }),
      /neither `set` nor `where`/,
    ],
    ["an increment of every row", increment({ table: "t", where: {}, by: { a: 1 } }), /`where` is empty/],
    ["an increment by nothing", increment({ table: "t", where: { id: 1 }, by: {} }), /`by` is empty/],
    ...[Number.NaN, Number.POSITIVE_INFINITY, "1e3", "", "x", null, true, {}, "1; DROP"].map(
      (amount): [string, () => Write, RegExp] => [
        `an increment by ${String(amount)}`,
        increment({ table: "t", where: { id: 1 }, by: { a: amount } }),
        /`by.a` is not a finite number/,
      ],
    ),
    ["a delete of every row", remove({ from: "t", where: {} }), /`where` is empty/],
    [
      "a delete with an undefined key",
      remove({ from: "t", where: { id: undefined } }),
      /`where.id` is undefined/,
    ],
  ])("%s", (_, make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });
});

describe("the fingerprint of a bound write", () => {
  const args = { into: "t", values: { a: 1, b: 2 } };

  it("does not depend on the order in which columns were named", () => {
    expect(print(insertWrite(args))).toBe(print(insertWrite({ ...args, values: { b: 2, a: 1 } })));
    const where = { x: 1, y: 2 };
    const by = { a: 1, b: 2 };
    expect(print(incrementWrite({ table: "t", where, by }))).toBe(
      print(incrementWrite({ table: "t", where: { y: 2, x: 1 }, by: { b: 2, a: 1 } })),
    );
  });

  it("does not depend on columns that are undefined", () => {
    expect(print(insertWrite({ ...args, values: { a: 1, b: 2, c: undefined } }))).toBe(
      print(insertWrite(args)),
    );
  });

  it("covers verb, table and every argument", () => {
    const where = { id: 1 };
    const all: Write[] = [
      insertWrite(args),
      insertWrite({ ...args, into: "u" }),
      insertWrite({ ...args, into: "public.t" }),
      insertWrite({ ...args, values: { a: 1, b: 3 } }),
      insertWrite({ ...args, values: { a: 1, b: "2" } }),
      insertWrite({ ...args, values: { a: 1, b: null } }),
      insertWrite({ ...args, values: { a: 1 } }),
      insertWrite({ ...args, conflict: ["a"] }),
      insertWrite({ ...args, returning: ["a"] }),
      insertWrite({ into: "t", values: {} }),
      upsertWrite({ ...args, conflict: ["a"] }),
      upsertWrite({ into: "t", values: { a: 1, b: 2, c: 3 }, conflict: ["a"] }),
      upsertWrite({ into: "t", values: { a: 1, b: 2, c: 3 }, conflict: ["a"], update: ["b"] }),
      updateWrite({ table: "t", where, set: { a: 1 } }),
      updateWrite({ table: "t", where, set: { a: 1 }, version: 1 }),
      updateWrite({ table: "t", where, set: { a: 1 }, version: 2 }),
      updateWrite({ table: "t", where, set: { a: 1 }, version: 1, versionColumn: "v" }),
      incrementWrite({ table: "t", where, by: { a: 1 } }),
      incrementWrite({ table: "t", where, by: { a: -1 } }),
      deleteWrite({ from: "t", where }),
      deleteWrite({ from: "t", where: { id: 2 } }),
    ];
    expect(new Set(all.map((write) => print(write))).size).toBe(all.length);
  });

  it("is that of the payload, with verb and table, where one is given", () => {
    const [one, two] = [insertWrite(args), insertWrite({ ...args, values: { a: 9 } })];
    expect(print(one, { request: 1 })).toBe(print(two, { request: 1 }));
    expect(print(one, { request: 1 })).not.toBe(print(one, { request: 2 }));
    expect(print(one, null)).not.toBe(print(one));
    expect(print(one, { request: 1 })).not.toBe(
      print(deleteWrite({ from: "t", where: { a: 1 } }), { request: 1 }),
    );
  });

  it("keeps a column named __proto__", () => {
    const values = (text: string): Write => insertWrite({ into: "t", values: JSON.parse(text) });
    expect(print(values('{"__proto__":1}'))).not.toBe(print(values('{"__proto__":2}')));
    expect(print(values('{"__proto__":1}'))).not.toBe(print(values("{}")));
  });
});
