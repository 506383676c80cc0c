import { expect } from "vitest";
import { addEffect, crowdedTest, effects, ledgerRows, patience, ref, refused } from "./helpers.js";
import type { Concern } from "./target.js";

export const pools: Concern = {
  name: "pools",
  register: (cases) => {
    const { test } = cases;
    const crowded = crowdedTest(cases);
    crowded(
      "a pool whose only connection is busy: typed and bounded, and nothing was sent",
      async (fixture) => {
        const process = await fixture.process({ connections: 1 });
        const free = await process.occupy();
        const ops = [ref("busy"), ref("busy"), ref("busy")] as const;
        const ledger = process.createLedger({ waitMs: 100 });
        const patient = await patience(fixture, cases.target.capabilities);
        const attempts = [
          ledger.once(ops[0], (tx) => tx.query(addEffect(ops[0].key))),
          ledger.operation(ops[1]).insert({ into: "entries", values: { note: ops[1].key } }),
          ledger.insertMany([{ ...ops[2], into: "entries", values: { note: ops[2].key } }]),
        ];
        await Promise.allSettled(attempts);
        expect(patient.waits()).toBe(true);
        await patient.over();
        for (const attempt of attempts) {
          const error = await refused(attempt, "OPLEDGER_ROLLED_BACK");
          expect(error.retryable).toBe(true);
        }
        free();
        for (const op of ops) expect(await ledgerRows(fixture, op)).toBe(0);
        expect((await ledger.once(ops[0], () => 1)).status).toBe("executed");
        await process.close();
      },
    );

    test("work that uses the ledger of its own one-connection pool is bounded, and typed", async (fixture) => {
      const process = await fixture.process({ connections: 1 });
      const ledger = process.createLedger({ waitMs: 100 });
      const [outer, inner] = [ref("outer"), ref("inner")];
      const attempt = ledger.once(outer, async (tx) => {
        await tx.query(addEffect(outer.key));
        return ledger.once(inner, () => 1);
      });
      await refused(attempt, "OPLEDGER_ROLLED_BACK");
      expect(await effects(fixture, outer.key)).toBe(0);
      expect((await ledger.once(outer, () => 1)).status).toBe("executed");
      await process.close();
    });

    crowded(
      "20 duplicates on a pool of two, whose work uses the pool beside the transaction",
      async (fixture) => {
        const process = await fixture.process({ connections: 2 });
        const ledger = process.createLedger({ waitMs: 5_000 });
        const op = ref("crowd");
        const run = () =>
          ledger.once(op, async (tx) => {
            await tx.query(addEffect(op.key));
            return (await ledger.once(ref("beside"), () => "beside")).value;
          });
        const outcomes = await Promise.all(Array.from({ length: 20 }, run));
        expect(outcomes.filter(({ status }) => status === "executed")).toHaveLength(1);
        expect(await effects(fixture, op.key)).toBe(1);
        await process.close();
      },
    );

    test("connections are given back after every kind of end", async (fixture) => {
      const process = await fixture.process({ connections: 1 });
      const ledger = process.createLedger({ waitMs: 500 });
      const op = ref("given back");
      await ledger.once(op, () => 1);
      await ledger.once(op, () => 1);
      await ledger.once({ ...op, payload: 1 }, () => 1).catch(() => {});
      await ledger.once(ref("x"), () => Promise.reject(new Error("x"))).catch(() => {});
      await ledger.once(ref("x"), () => Number.NaN).catch(() => {});
      await ledger
        .once(ref("x"), (tx) => tx.query("SELECT * FROM no_such_table").catch(() => {}))
        .catch(() => {});
      await ledger
        .operation(op)
        .insert({ into: "entries", values: {} })
        .catch(() => {});
      await ledger
        .operation(ref("x"))
        .insert({ into: "no_such_table", values: {} })
        .catch(() => {});
      await ledger.sweep();
      await ledger.inspect(op);
      expect((await ledger.once(ref("last"), () => "free")).value).toBe("free");
      await process.close();
    });
  },
};
