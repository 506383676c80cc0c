import { expect } from "vitest";
import { ref, uniqueId } from "../conformance/helpers.js";
import type { Cases } from "../conformance/target.js";
import { pgTest } from "./postgres-case.js";

export function dates(cases: Cases): void {
  for (const column of ["at", "local_at", "day"]) {
    pgTest(
      cases,
      `a Date in a ${column} column means the same in a batch as in a single write, far from UTC`,
      async (fixture) => {
        const zone = process.env.TZ;
        process.env.TZ = "America/New_York";
        try {
          const ledger = fixture.createLedger();
          const value = new Date("2024-03-01T02:30:00.000Z");
          const write = () => ({
            into: "samples",
            values: { id: uniqueId(), [column]: value },
            returning: [column],
          });
          const single = await ledger.operation(ref("zone")).insert(write());
          const [batched] = await ledger.insertMany([{ ...ref("zone"), ...write() }]);
          expect(batched).toStrictEqual(single);
        } finally {
          if (zone === undefined) delete process.env.TZ;
          else process.env.TZ = zone;
        }
      },
    );
  }
}
