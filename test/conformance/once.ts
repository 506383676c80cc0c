import { expect } from "vitest";
import { ExactDecimal } from "../../src/index.js";
import {
  account,
  addEffect,
  effects,
  ledgerRows,
  number,
  ownError,
  ref,
  refused,
  thrown,
  twice,
} from "./helpers.js";
import type { Cases, Concern } from "./target.js";

const VALUES: readonly (readonly [what: string, value: unknown])[] = [
  ["undefined", undefined],
  ["null", null],
  ["false", false],
  ["an empty string", ""],
  ["text", 'é \u0000 \u2028 \u{1F600} "quote" \\'],
  ["a number", 0.1 + 0.2],
  ["a bigint", -(2n ** 80n)],
  ["a Date", new Date("2024-02-29T12:00:00.001Z")],
  ["bytes", new Uint8Array([0, 255, 128])],
  ["nested values", { list: [1n, [new Date(0)], {}], "": { deep: null } }],
  ["keys with dollars", { $date: "not a date", $$: 1, $bigint: "x" }],
  ["a key named __proto__", JSON.parse('{"__proto__": {"polluted": true}}')],
  ["1 MiB less a few bytes", "x".repeat(1024 * 1024 - 3)],
];

export const once: Concern = {
  name: "once",
  register: (cases) => {
    outcomes(cases);
    failures(cases);
    fingerprints(cases);
  },
};

function outcomes({ test, target }: Cases): void {
  test("executes, then replays, and the effect took place once", async (fixture) => {
    const op = ref("once");
    const run = () =>
      fixture.createLedger().once(op, async (tx) => {
        await tx.query(addEffect(op.key));
        return { invoiceId: 7 };
      });
    const { first } = await twice(run);
    expect(first.value).toStrictEqual({ invoiceId: 7 });
    expect(await effects(fixture, op.key)).toBe(1);
    expect(await ledgerRows(fixture, op)).toBe(1);
  });

  for (const [what, value] of VALUES) {
    test(`gives back ${what} the first time as in every replay`, async (fixture) => {
      const { first } = await twice(() =>
        fixture.createLedger().once(ref("value", { key: `value-${what}` }), () => value),
      );
      expect(first.value).toStrictEqual(value);
    });
  }

  test("gives back decimals as text, or as the caller's own class", async (fixture) => {
    const op = ref("decimal");
    const work = (): unknown => ({ price: new ExactDecimal("12.50") });
    const { first } = await twice(() => fixture.createLedger().once(op, work));
    expect(String((first.value as { price: unknown }).price)).toBe("12.50");
    const own = await fixture.createLedger({ decimal: (text) => `decimal ${text}` }).once(op, work);
    expect(own.value).toStrictEqual({ price: "decimal 12.50" });
  });

  test("the first result is decoded from what is stored, not the work's own object", async (fixture) => {
    const made = { at: new Date(0), gone: undefined, toJSON: undefined };
    const { first } = await twice(() =>
      fixture.createLedger().once(ref("decoded", { key: "decoded" }), () => made),
    );
    expect(first.value).not.toBe(made);
    expect(first.value).toStrictEqual({ at: new Date(0) });
  });

  for (const isolationLevel of target.capabilities.isolationLevels) {
    test(`runs at ${isolationLevel} where asked`, async (fixture) => {
      const op = ref("isolation");
      const run = () =>
        fixture
          .createLedger()
          .once(op, async (tx) => void (await tx.query(addEffect(op.key))), { isolationLevel });
      await twice(run);
      expect(await effects(fixture, op.key)).toBe(1);
    });
  }

  test("a replay runs nothing, not even the work", async (fixture) => {
    const op = ref("silent");
    let runs = 0;
    const run = () => fixture.createLedger().once(op, () => ++runs);
    await twice(run);
    expect(runs).toBe(1);
  });
}

function failures({ test }: Cases): void {
  for (const [what, error] of [
    ["an Error", new Error("declined")],
    ["a string", "declined"],
    ["undefined", undefined],
    ["a frozen object", Object.freeze({ code: "40001" })],
    ["an error with a cause of itself", cyclic()],
  ] as const) {
    test(`work that throws ${what}: rolled back, rethrown as it is, retryable`, async (fixture) => {
      const op = ref("failing");
      const ledger = fixture.createLedger();
      const attempt = ledger.once(op, async (tx) => {
        await tx.query(addEffect(op.key));
        throw error;
      });
      expect(await thrown(attempt)).toBe(error);
      expect(await effects(fixture, op.key)).toBe(0);
      expect(await ledgerRows(fixture, op)).toBe(0);
      const retried = await ledger.once(op, async (tx) => void (await tx.query(addEffect(op.key))));
      expect(retried.status).toBe("executed");
      expect(await effects(fixture, op.key)).toBe(1);
    });
  }

  test("work that throws synchronously is rolled back too", async (fixture) => {
    const op = ref("sync");
    const error = new RangeError("at once");
    const attempt = fixture.createLedger().once(op, () => {
      throw error;
    });
    expect(await thrown(attempt)).toBe(error);
    expect(await ledgerRows(fixture, op)).toBe(0);
  });

  test("an SQL error that the work lets through is the caller's own", async (fixture) => {
    const op = ref("sql error");
    const id = await account(fixture);
    const attempt = fixture.createLedger().once(op, async (tx) => {
      await tx.query(addEffect(op.key));
      await tx.query(`INSERT INTO accounts (id) VALUES (${id})`);
    });
    expect(fixture.violation(await ownError(attempt))).toBe("unique");
    expect(await effects(fixture, op.key)).toBe(0);
    expect(await ledgerRows(fixture, op)).toBe(0);
  });

  for (const [what, value] of [
    ["NaN", { n: Number.NaN }],
    ["a function", { f: () => 1 }],
    ["a Map", new Map([[1, 2]])],
    ["a Set", new Set([1])],
    ["undefined in an array", [undefined]],
    ["a symbol", { s: Symbol("s") }],
    ["an invalid Date", new Date(Number.NaN)],
    ["a lone surrogate", "\ud800"],
    ["a circle", circle()],
    ["a promise inside", { p: Promise.resolve(1) }],
    ["more than 1 MiB", "x".repeat(1024 * 1024)],
    ["20,000 levels", deep(20_000)],
  ] as const) {
    test(`a result with ${what} is refused and rolled back`, async (fixture) => {
      const op = ref("unstorable");
      const attempt = fixture.createLedger().once(op, async (tx) => {
        await tx.query(addEffect(op.key));
        return value as unknown;
      });
      const error = await refused(attempt, "OPLEDGER_RESULT_NOT_STORABLE");
      expect(error.operation?.operation).toBe("unstorable");
      expect(await effects(fixture, op.key)).toBe(0);
      expect(await ledgerRows(fixture, op)).toBe(0);
    });
  }
}

function fingerprints({ test }: Cases): void {
  test("another payload is refused, the order of its keys does not count", async (fixture) => {
    const ledger = fixture.createLedger();
    const op = ref("payload");
    const run = (payload: unknown) =>
      ledger.once({ ...op, payload }, async (tx) => void (await tx.query(addEffect(op.key))));
    expect((await run({ a: 1, b: [2n] })).status).toBe("executed");
    expect((await run({ b: [2n], a: 1 })).status).toBe("replayed");
    for (const other of [
      undefined,
      null,
      {},
      { a: 1, b: [2] },
      { a: 1, b: ["2"] },
      { a: 1, b: [2n], c: null },
    ]) {
      await refused(run(other), "OPLEDGER_FINGERPRINT_MISMATCH");
    }
    expect(await effects(fixture, op.key)).toBe(1);
  });

  test("no payload is not the same as null", async (fixture) => {
    const ledger = fixture.createLedger();
    const op = ref("no payload");
    await ledger.once(op, () => 1);
    await refused(
      ledger.once({ ...op, payload: null }, () => 2),
      "OPLEDGER_FINGERPRINT_MISMATCH",
    );
    expect((await ledger.once({ ...op, payload: undefined }, () => 3)).value).toBe(1);
  });

  test("a bound write under the key of a once is a mismatch, and the other way round", async (fixture) => {
    const ledger = fixture.createLedger();
    const [one, two] = [ref("both"), ref("both")];
    await ledger.once(one, () => 1);
    await refused(
      ledger.operation(one).insert({ into: "entries", values: { note: one.key } }),
      "OPLEDGER_FINGERPRINT_MISMATCH",
    );
    await ledger.operation(two).insert({ into: "entries", values: { note: two.key } });
    await refused(
      ledger.once(two, () => 1),
      "OPLEDGER_FINGERPRINT_MISMATCH",
    );
    expect(
      await number(fixture, `SELECT count(*) FROM entries WHERE note IN ('${one.key}', '${two.key}')`),
    ).toBe(1);
  });
}

function cyclic(): Error {
  const error = new Error("outer");
  error.cause = error;
  return error;
}

function circle(): object {
  const made: { self?: object } = {};
  made.self = made;
  return made;
}

export function deep(levels: number): object {
  let made: object = {};
  for (let level = 1; level < levels; level++) made = { made };
  return made;
}
