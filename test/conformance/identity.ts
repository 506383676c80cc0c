import { expect } from "vitest";
import { newKey, type OperationRef } from "../../src/index.js";
import { addEffect, effects, HOUR_MS, ledgerRows, refused, twice, unique } from "./helpers.js";
import type { Cases, Concern, Fixture } from "./target.js";

/** Keys that careless collations, trimming or normalisation would take for one. */
const ALIASES: readonly (readonly [what: string, one: string, other: string])[] = [
  ["case", "K", "k"],
  ["a trailing space", "a", "a "],
  ["a leading space", "a", " a"],
  ["composed and decomposed é", "\u00e9", "e\u0301"],
  ["an accent", "é", "e"],
  ["ß and ss", "straße", "strasse"],
  ["a zero-width space", "a", "a\u200b"],
  ["full width", "Ａ", "A"],
  ["Turkish i", "I", "ı"],
  ["the last of 255 bytes", `${"x".repeat(254)}1`, `${"x".repeat(254)}2`],
  ["numbers that look alike", "1", "01"],
  ["hyphens in a UUID", "0190a5a5-0000-7000-8000-00000000000a", "0190a5a5-0000-7000-8000-00000000000A"],
];

async function runsBoth(fixture: Fixture, one: OperationRef, other: OperationRef): Promise<void> {
  const ledger = fixture.createLedger();
  const first = await ledger.once(one, () => "first");
  const second = await ledger.once(other, () => "second");
  expect(first).toStrictEqual({ status: "executed", value: "first" });
  expect(second).toStrictEqual({ status: "executed", value: "second" });
  expect(await ledger.once(one, () => "again")).toStrictEqual({ status: "replayed", value: "first" });
  expect(await ledger.once(other, () => "again")).toStrictEqual({ status: "replayed", value: "second" });
}

export const identity: Concern = {
  name: "identity",
  register: (cases) => {
    aliases(cases);
    scopes(cases);
    const { test } = cases;

    test("keeps a UUIDv7 and a ULID apart from their neighbours, and replays them", async (fixture) => {
      const operation = unique("op");
      const [uuid, other] = [newKey(), newKey()];
      await runsBoth(fixture, { operation, key: uuid }, { operation, key: other });
      const ulid = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
      await runsBoth(fixture, { operation, key: ulid }, { operation, key: ulid.toLowerCase() });
    });

    test("issuedAt is part of the identity, and the same moment replays", async (fixture) => {
      const issuedAt = new Date("2024-05-06T07:08:09.010Z");
      const ref = { operation: unique("op"), key: "issued", issuedAt };
      const { first } = await twice(() => fixture.createLedger().once(ref, () => 1));
      expect(first.value).toBe(1);
      const shown = await fixture.createLedger().inspect(ref);
      expect(shown?.id.replaceAll("-", "").slice(0, 12)).toBe(
        issuedAt.getTime().toString(16).padStart(12, "0"),
      );
    });

    test("the longest names of 255 bytes are kept whole", async (fixture) => {
      const longest = {
        scope: "é".repeat(127),
        operation: "o".repeat(255),
        key: `${"\u{1F600}".repeat(63)}abc`,
      };
      const ledger = fixture.createLedger();
      await twice(() => ledger.once(longest, () => "long"));
      expect(await ledger.inspect(longest)).toMatchObject({ ...longest, value: "long" });
    });

    test("inspect shows what the ledger holds, and undefined for a key that nobody used", async (fixture) => {
      const ledger = fixture.createLedger({ retentionMs: HOUR_MS });
      const ref = { operation: unique("op"), key: unique(), scope: "acme" };
      expect(await ledger.inspect(ref)).toBeUndefined();
      await ledger.once(ref, () => ({ id: 7n }));
      const shown = await ledger.inspect(ref);
      expect(shown).toMatchObject({ ...ref, status: "completed", expired: false, value: { id: 7n } });
      expect(shown?.resultBytes).toBeGreaterThan(5);
      const keptMs = Number(shown?.expiresAt) - Number(shown?.createdAt);
      expect(Math.abs(keptMs - HOUR_MS)).toBeLessThan(50);
      expect(Math.abs(Date.now() - Number(shown?.createdAt))).toBeLessThan(60_000);
    });
  },
};

function aliases({ test }: Cases): void {
  for (const [what, one, other] of ALIASES) {
    test(`keys that differ in ${what} are two operations`, async (fixture) => {
      const operation = unique("op");
      await runsBoth(fixture, { operation, key: one }, { operation, key: other });
    });
  }

  test("parts of an identity cannot run into each other", async (fixture) => {
    const part = unique("p");
    await runsBoth(
      fixture,
      { scope: part, operation: `${part}x`, key: "y" },
      { scope: part, operation: part, key: "xy" },
    );
    await runsBoth(
      fixture,
      { scope: `${part}a`, operation: "b", key: "c" },
      { scope: part, operation: "ab", key: "c" },
    );
  });
}

function scopes({ test }: Cases): void {
  test("another scope's key is never replayed", async (fixture) => {
    const ledger = fixture.createLedger();
    const key = unique();
    const ours = { operation: "tenant", key, scope: "ours" };
    const theirs = { operation: "tenant", key, scope: "theirs" };
    await runsBoth(fixture, ours, theirs);
    await runsBoth(fixture, { operation: "tenant", key }, { operation: unique("op"), key });
    expect(await ledger.inspect({ ...ours, scope: "nobody" })).toBeUndefined();
  });

  test("a mismatch looks the same whichever scope asks, and reveals nothing of the stored result", async (fixture) => {
    const ledger = fixture.createLedger();
    const key = unique();
    const marker = unique("effect");
    const shapes: string[] = [];
    for (const scope of ["one", "two"]) {
      const ref = { operation: "secretive", key, scope };
      await ledger.once({ ...ref, payload: { n: 1 } }, () => ({ secret: `s3cr3t-${scope}` }));
      const work = ledger.once({ ...ref, payload: { n: 2 } }, (tx) => tx.query(addEffect(marker)));
      const error = await refused(work, "OPLEDGER_FINGERPRINT_MISMATCH");
      const shown = JSON.stringify({ ...error, message: error.message, cause: error.cause ?? null });
      expect(shown).not.toContain("s3cr3t");
      expect(shown).not.toContain(key);
      shapes.push(shown.replaceAll(scope, "SCOPE").replaceAll(error.operation?.keyHash ?? "", "HASH"));
      expect(await ledgerRows(fixture, ref)).toBe(1);
    }
    expect(shapes[0]).toBe(shapes[1]);
    expect(await effects(fixture, marker)).toBe(0);
  });
}
