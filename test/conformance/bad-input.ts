import { expect } from "vitest";
import { InvalidOperationError, type OperationRef } from "../../src/index.js";
import { addEffect, effects, number, ownError, ref, refused, unique } from "./helpers.js";
import { deep } from "./once.js";
import type { Cases, Concern, Fixture } from "./target.js";

export const badInput: Concern = {
  name: "bad input",
  register: (cases) => {
    identities(cases);
    payloads(cases);
    programmers(cases);
  },
};

const NAMES: readonly (readonly [what: string, value: unknown])[] = [
  ["empty", ""],
  ["NUL", "a\0b"],
  ["a lone surrogate", "a\ud800b"],
  ["256 bytes", "x".repeat(256)],
  ["256 bytes of 128 characters", "é".repeat(128)],
  ["1 MiB", "x".repeat(1024 * 1024)],
  ["null", null],
  ["a number", 7],
  ["an object", {}],
  ["a list", ["k"]],
  ["a String object", Object("k")],
];

const ledgerSize = (fixture: Fixture) => number(fixture, `SELECT count(*) FROM ${fixture.ledgerTable}`);

function identities({ test }: Cases): void {
  for (const part of ["key", "operation", "scope"] as const) {
    for (const [what, value] of NAMES) {
      test(`${part}: ${what}`, async (fixture) => {
        const before = await ledgerSize(fixture);
        const marker = unique("bad");
        const op = { ...ref("bad"), [part]: value } as unknown as OperationRef;
        const ledger = fixture.createLedger();
        for (const attempt of [
          () => ledger.once(op, (tx) => tx.query(addEffect(marker))),
          () => ledger.operation(op).insert({ into: "entries", values: { note: marker } }),
          () => ledger.insertMany([{ ...op, into: "entries", values: { note: marker } }]),
          () => ledger.inspect(op),
        ]) {
          const error = await refused(attempt(), "OPLEDGER_INVALID_OPERATION");
          expect(error).toBeInstanceOf(InvalidOperationError);
          expect(error.message).toContain(part);
          expect(error.message.length).toBeLessThan(500);
        }
        expect(await effects(fixture, marker)).toBe(0);
        expect(await ledgerSize(fixture)).toBe(before);
      });
    }
  }

  test("no operation at all, or one without a key", async (fixture) => {
    for (const op of [undefined, null, "key", {}, { operation: "x" }, { key: "x" }]) {
      await refused(
        fixture.createLedger().once(op as unknown as OperationRef, () => 1),
        "OPLEDGER_INVALID_OPERATION",
      );
    }
  });

  test("retentionMs and issuedAt out of range", async (fixture) => {
    for (const more of [
      { retentionMs: 0 },
      { retentionMs: -1 },
      { retentionMs: 1.5 },
      { retentionMs: Number.POSITIVE_INFINITY },
      { retentionMs: "1000" as unknown as number },
      { issuedAt: new Date(Number.NaN) },
      { issuedAt: new Date(-1) },
      { issuedAt: 5 as unknown as Date },
    ]) {
      await refused(
        fixture.createLedger().once(ref("range", more), () => 1),
        "OPLEDGER_INVALID_OPERATION",
      );
    }
  });
}

const PAYLOADS: readonly (readonly [what: string, payload: unknown])[] = [
  ["20,000 levels deep", deep(20_000)],
  ["circular", circular()],
  ["NaN", { n: [Number.NaN] }],
  ["Infinity", Number.NEGATIVE_INFINITY],
  ["a function", () => 1],
  ["a symbol", Symbol("s")],
  ["a symbol key", { [Symbol("s")]: 1 }],
  ["a lone surrogate", { s: "\udfff" }],
  ["a lone surrogate in a key", { "\ud800": 1 }],
  ["an invalid Date", new Date("nonsense")],
  ["undefined in a list", [undefined]],
  ["a WeakMap", new WeakMap()],
  ["a promise", Promise.resolve(1)],
  ["larger than 16 MiB", "x".repeat(17 * 1024 * 1024)],
];

function payloads({ test }: Cases): void {
  for (const [what, payload] of PAYLOADS) {
    test(`a payload that is ${what}: a clear error, nothing written`, async (fixture) => {
      const before = await ledgerSize(fixture);
      const op = ref("payload", { payload });
      const ledger = fixture.createLedger();
      const error = await refused(
        ledger.once(op, (tx) => tx.query(addEffect(op.key))),
        "OPLEDGER_INVALID_OPERATION",
      );
      expect(error.message.length).toBeLessThan(2_000);
      await refused(
        ledger.operation(op).delete({ from: "carts", where: { id: 1 } }),
        "OPLEDGER_INVALID_OPERATION",
      );
      expect(await effects(fixture, op.key)).toBe(0);
      expect(await ledgerSize(fixture)).toBe(before);
    });
  }

  test("arguments of a bound write that have no fingerprint ask for a payload", async (fixture) => {
    const values = { note: "n", amount: Number.NaN };
    const error = await refused(
      fixture.createLedger().operation(ref("args")).insert({ into: "entries", values }),
      "OPLEDGER_INVALID_OPERATION",
    );
    expect(error.message).toContain("payload");
    expect(error.operation?.operation).toBe("args");
  });

  test("naughty text goes through as text", async (fixture) => {
    const ledger = fixture.createLedger();
    for (const text of [
      "'; DROP TABLE effects; --",
      "\\'; --",
      "$1",
      "%s",
      "\u202e",
      "{}",
      "NULL",
      "\\x00",
      "\r\n\t",
      "‮",
    ]) {
      const op = {
        operation: `naughty ${text}`,
        key: `${unique()} ${text}`,
        scope: text.trim() === "" ? "x" : text,
      };
      expect((await ledger.once({ ...op, payload: text }, () => text)).value).toBe(text);
      const write = { into: "entries", values: { note: text, tag: text } };
      const made = await ledger.operation({ ...op, key: unique() }).insert(write);
      expect(made.value).toMatchObject({ note: text, tag: text });
    }
    expect(await effects(fixture, "still there")).toBe(0);
  });
}

function programmers({ test, target }: Cases): void {
  const tooLong = "x".repeat(target.capabilities.nameCharactersMax + 1);
  test("writes that make no sense are mistakes of the caller's, before anything is sent", async (fixture) => {
    const bound = fixture.createLedger().operation(ref("wrong"));
    const wrong: readonly (() => Promise<unknown>)[] = [
      () => bound.insert({ into: "", values: {} }),
      () => bound.insert({ into: "a.b.c", values: {} }),
      () => bound.insert({ into: "entries", values: [] as unknown as Record<string, unknown> }),
      () => bound.insert({ into: "entries", values: null as unknown as Record<string, unknown> }),
      () => bound.insert({ into: "entries", values: { note: 1 }, conflict: ["tag"] }),
      () => bound.insert({ into: "entries", values: { note: 1 }, conflict: [] }),
      () => bound.insert({ into: "entries", values: { note: 1 }, returning: [] }),
      () => bound.insert({ into: "entries", values: { "": 1 } }),
      () => bound.insert({ into: "entries", values: { "a\0": 1 } }),
      () => bound.insert({ into: tooLong, values: { note: 1 } }),
      () => bound.insert({ into: "entries", values: { note: 1 }, returning: [tooLong] }),
      () => bound.upsert({ into: "users", values: { email: 1 }, conflict: ["email"] }),
      () => bound.upsert({ into: "users", values: {}, conflict: ["email"] }),
      () =>
        bound.upsert({
          into: "users",
          values: { email: 1, name: 1 },
          conflict: ["email"],
          update: ["visits"],
        }),
      () => bound.update({ table: "accounts", where: {}, set: { status: 1 } }),
      () => bound.update({ table: "accounts", where: { id: undefined }, set: { status: 1 } }),
      () => bound.update({ table: "accounts", where: { id: 1 }, set: {} }),
      () => bound.update({ table: "accounts", where: { id: 1 }, set: { status: undefined } }),
      () => bound.increment({ table: "accounts", where: { id: 1 }, by: {} }),
      () => bound.delete({ from: "carts", where: {} }),
      () => bound.delete({ from: "carts", where: { id: undefined } }),
    ];
    for (const [index, attempt] of wrong.entries()) {
      const error = await ownError(attempt().then(() => `no error for ${index}`));
      expect({ index, error }).toStrictEqual({ index, error: expect.any(TypeError) });
    }
  });

  for (const settings of [
    { waitMs: -1 },
    { waitMs: Number.NaN },
    { waitMs: Number.POSITIVE_INFINITY },
    { retentionMs: 0 },
    { retentionMs: 1.5 },
    { responseMs: 0 },
    { table: "" },
    { table: "x".repeat(target.capabilities.nameCharactersMax + 1) },
    { table: "a\0b" },
    { backoff: { attemptsMax: Number.NaN } },
    { backoff: { attemptsMax: 0 } },
    { backoff: { baseMs: -1 } },
    { redact: "card" as unknown as readonly string[] },
  ]) {
    const shown = JSON.stringify(settings, (_, value: unknown) =>
      typeof value === "number" ? String(value) : value,
    );
    test(`a ledger is not made with ${shown.slice(0, 60)}`, async (fixture) => {
      expect(() => fixture.createLedger(settings)).toThrow(TypeError);
    });
  }

  test("an isolation level that is none is refused as a mistake, and never reaches SQL", async (fixture) => {
    const op = ref("level");
    const isolationLevel = "read committed; DROP TABLE carts" as "read committed";
    const attempt = fixture.createLedger().once(op, () => 1, { isolationLevel });
    expect(await ownError(attempt)).toBeInstanceOf(TypeError);
    expect(await number(fixture, "SELECT count(*) FROM carts")).toBeGreaterThanOrEqual(0);
  });
}

function circular(): object {
  const made: { list: unknown[] } = { list: [] };
  made.list.push(made);
  return made;
}
