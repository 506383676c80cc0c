import { expect } from "vitest";
import { entry, replays, tagged } from "./batch.js";
import { ref, rowOf, thrown, twice, uniqueId } from "./helpers.js";
import type { Concern } from "./target.js";

const SECRET = "4111-1111-1111-1111";

export const redaction: Concern = {
  name: "redact",
  register: ({ test, target }) => {
    test("once: properties are stored, and returned, as null at any depth", async (fixture) => {
      const op = ref("redact");
      const ledger = fixture.createLedger({ redact: ["card", "$pan"] });
      const work = () => ({ id: 1, card: SECRET, list: [{ card: { pan: SECRET } }], $pan: SECRET });
      const { first } = await twice(() => ledger.once(op, work));
      expect(first.value).toStrictEqual({ id: 1, card: null, list: [{ card: null }], $pan: null });
      expect(JSON.stringify(await ledger.inspect(op))).not.toContain(SECRET);
    });

    test("bound writes: columns are written, but stored and returned as null", async (fixture) => {
      const ledger = fixture.createLedger({ redact: ["item", "no_such_column"] });
      const id = uniqueId();
      const values = { id, owner: "o", item: SECRET };
      const ops = [ref("r"), ref("r"), ref("r"), ref("r")] as const;
      const made = [
        await twice(() => ledger.operation(ops[0]).insert({ into: "carts", values })),
        await twice(() => ledger.operation(ops[1]).upsert({ into: "carts", values, conflict: ["id"] })),
        await twice(() => ledger.operation(ops[2]).insert({ into: "carts", values, conflict: ["id"] })),
      ];
      expect(await rowOf(fixture, "carts", id)).toMatchObject({ item: SECRET });
      const removed = await twice(() => ledger.operation(ops[3]).delete({ from: "carts", where: { id } }));
      for (const { first } of [...made, removed])
        expect(first.value).toStrictEqual({ id, owner: "o", item: null });
      for (const op of ops) expect(JSON.stringify(await ledger.inspect(op))).not.toContain(SECRET);
    });

    if (target.capabilities.batches) {
      test("batches: columns are written, but stored and returned as null", async (fixture) => {
        const ledger = fixture.createLedger({ redact: ["tag"] });
        const one = entry(SECRET);
        const first = await ledger.insertMany([one]);
        expect(first).toMatchObject([{ status: "executed", value: { tag: null } }]);
        expect(await ledger.insertMany([one])).toStrictEqual(replays(first));
        expect(await tagged(fixture, SECRET)).toBe(1);
        expect(JSON.stringify(await ledger.inspect(one))).not.toContain(SECRET);
      });
    } else {
      test("batches are absent", async (fixture) => {
        expect(await thrown(fixture.createLedger().insertMany([entry("x")]))).toBeInstanceOf(TypeError);
      });
    }

    test("bound writes: a JSON column is stored whole, or not at all", async (fixture) => {
      const values = { doc: { card: SECRET } };
      const op = ref("r");
      const ledger = fixture.createLedger({ redact: ["doc"] });
      const { first } = await twice(() =>
        ledger.operation(op).insert({ into: "entries", values: { note: op.key, ...values } }),
      );
      expect(JSON.stringify([await ledger.inspect(op), first.value])).not.toContain(SECRET);
    });
  },
};
