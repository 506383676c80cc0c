import { expect } from "vitest";
import { StoredFailureError } from "../../src/index.js";
import { addEffect, effects, ledgerRows, ref, refused, thrown, twice } from "./helpers.js";
import type { Concern } from "./target.js";

class Declined extends Error {
  constructor(readonly reason: string) {
    super(`declined: ${reason}`);
  }
}

const storeError = (error: unknown): unknown =>
  error instanceof Declined ? { reason: error.reason, at: new Date(0), cents: 5n } : undefined;

export const storeErrorConcern: Concern = {
  name: "storeError",
  register: ({ test, target }) => {
    test("the effect is rolled back, the failure recorded, and every replay throws it", async (fixture) => {
      const op = ref("charge");
      const ledger = fixture.createLedger({ storeError });
      let runs = 0;
      const error = new Declined("funds");
      const run = () =>
        ledger.once(op, async (tx) => {
          runs += 1;
          await tx.query(addEffect(op.key));
          throw error;
        });
      expect(await thrown(run())).toBe(error);
      expect([await effects(fixture, op.key), await ledgerRows(fixture, op)]).toStrictEqual([0, 1]);
      const shown = await ledger.inspect(op);
      expect(shown).toMatchObject({ status: "failed", value: { reason: "funds" } });
      for (let n = 0; n < 2; n++) {
        const replay = await refused(run(), "OPLEDGER_STORED_FAILURE");
        expect(replay).toBeInstanceOf(StoredFailureError);
        expect(replay).toMatchObject({
          retryable: false,
          failure: { reason: "funds", at: new Date(0), cents: 5n },
        });
      }
      expect(runs).toBe(1);
      await refused(
        fixture.createLedger().once(op, () => 1),
        "OPLEDGER_STORED_FAILURE",
      );
      await refused(
        ledger.once({ ...op, payload: 1 }, () => 1),
        "OPLEDGER_FINGERPRINT_MISMATCH",
      );
    });

    test("a failure that it does not know stays retryable", async (fixture) => {
      const op = ref("charge");
      const ledger = fixture.createLedger({ storeError });
      const error = new Error("network");
      expect(await thrown(ledger.once(op, () => Promise.reject(error)))).toBe(error);
      expect(await ledgerRows(fixture, op)).toBe(0);
      await twice(() => ledger.once(op, () => "paid"));
    });

    test("a failure after an SQL error of the work's own is recorded too", async (fixture) => {
      const op = ref("charge");
      const ledger = fixture.createLedger({ storeError: () => "stored" });
      const attempt = ledger.once(op, async (tx) => {
        await tx.query(addEffect(op.key));
        await tx.query("SELECT * FROM no_such_table");
      });
      expect(fixture.violation(await thrown(attempt))).toBe("missing-table");
      expect([await effects(fixture, op.key), await ledgerRows(fixture, op)]).toStrictEqual([0, 1]);
      const replay = await refused(
        ledger.once(op, () => 1),
        "OPLEDGER_STORED_FAILURE",
      );
      expect(replay).toMatchObject({ failure: "stored" });
    });

    for (const [what, failure, code] of [
      ["null", null, undefined],
      ["NaN", Number.NaN, "OPLEDGER_RESULT_NOT_STORABLE"],
      ["a promise", Promise.resolve(1), "OPLEDGER_RESULT_NOT_STORABLE"],
    ] as const) {
      test(`a failure stored as ${what}`, async (fixture) => {
        const op = ref("charge");
        const ledger = fixture.createLedger({ storeError: () => failure });
        const run = () => ledger.once(op, () => Promise.reject(new Error("declined")));
        if (code !== undefined) {
          await refused(run(), code);
          expect(await ledgerRows(fixture, op)).toBe(0);
          return;
        }
        expect(String(await thrown(run()))).toContain("declined");
        expect(await refused(run(), "OPLEDGER_STORED_FAILURE")).toMatchObject({ failure });
      });
    }

    test("a storeError that throws leaves nothing, and its error is seen", async (fixture) => {
      const op = ref("charge");
      const ledger = fixture.createLedger({
        storeError: () => {
          throw new Error("storeError itself failed");
        },
      });
      const error = await thrown(ledger.once(op, () => Promise.reject(new Error("declined"))));
      expect(String(error)).toContain("storeError itself failed");
      expect(await ledgerRows(fixture, op)).toBe(0);
    });

    test("the operation and the error reach storeError, and redact applies to what it returns", async (fixture) => {
      const op = ref("charge", { scope: "acme", payload: 1 });
      const seen: unknown[] = [];
      const ledger = fixture.createLedger({
        redact: ["card"],
        storeError: (error, operation) => {
          seen.push(error, operation);
          return { card: "4111", reason: "no" };
        },
      });
      const error = new Error("declined");
      const run = () => ledger.once(op, () => Promise.reject(error));
      await thrown(run());
      expect(seen).toStrictEqual([error, op]);
      expect(await refused(run(), "OPLEDGER_STORED_FAILURE")).toMatchObject({
        failure: { card: null, reason: "no" },
      });
    });

    if (!target.capabilities.within) return;
    test("inside the caller's transaction: only the failed effect is undone", async (fixture) => {
      const op = ref("charge");
      const tx = await fixture.begin();
      await tx.query(addEffect(`${op.key}-before`));
      const ledger = tx.ledger({ storeError });
      const run = () =>
        ledger.once(op, async (work) => {
          await work.query(addEffect(op.key));
          throw new Declined("funds");
        });
      expect(await thrown(run())).toBeInstanceOf(Declined);
      await refused(run(), "OPLEDGER_STORED_FAILURE");
      await tx.commit();
      expect([await effects(fixture, op.key), await effects(fixture, `${op.key}-before`)]).toStrictEqual([
        0, 1,
      ]);
      expect(await ledgerRows(fixture, op)).toBe(1);
    });
  },
};
