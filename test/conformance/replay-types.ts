import { expect } from "vitest";
import { ref, rowOf, twice, uniqueId } from "./helpers.js";
import type { Concern, Fixture } from "./target.js";

/** What the client itself reads from a sample's column: the truth that outcomes are held against. */
async function readBack(fixture: Fixture, id: number): Promise<Record<string, unknown>> {
  return { ...(await rowOf(fixture, "samples", id)) };
}

export const replayTypes: Concern = {
  name: "types of replayed rows",
  register: ({ test }) => {
    test("every sample: the outcome, the replay and a plain SELECT agree", async (fixture) => {
      const wrong: string[] = [];
      for (const { column, value } of fixture.samples) {
        const id = uniqueId();
        const ledger = fixture.createLedger();
        const op = ref("sample", { payload: column });
        const insert = () =>
          ledger
            .operation(op)
            .insert({ into: "samples", values: { id, [column]: value }, returning: [column] });
        try {
          const { first } = await twice(insert);
          expect(first.value).toStrictEqual({ [column]: (await readBack(fixture, id))[column] });
        } catch (error) {
          wrong.push(`${column}: ${String(error).slice(0, 400)}`);
        }
      }
      expect(wrong).toStrictEqual([]);
    });

    for (const verb of ["insert", "upsert", "update", "delete"] as const) {
      test(`${verb}: a row of every sample at once`, async (fixture) => {
        const id = uniqueId();
        const ledger = fixture.createLedger();
        const bound = ledger.operation(ref(verb, { payload: "samples" }));
        const values = Object.fromEntries(fixture.samples.map(({ column, value }) => [column, value]));
        const all = { id, ...values };
        const before = { ...ref("before", { payload: "samples" }) };
        if (verb === "update" || verb === "delete")
          await ledger.operation(before).insert({ into: "samples", values: all });
        const expected = verb === "delete" ? await readBack(fixture, id) : undefined;
        const { first } = await twice(() => {
          if (verb === "insert") return bound.insert({ into: "samples", values: all });
          if (verb === "upsert") return bound.upsert({ into: "samples", values: all, conflict: ["id"] });
          if (verb === "update") return bound.update({ table: "samples", where: { id }, set: values });
          return bound.delete({ from: "samples", where: { id } });
        });
        expect(first.value).toStrictEqual(expected ?? (await readBack(fixture, id)));
      });
    }

    test("insert with conflict: a standing row of every sample", async (fixture) => {
      const id = uniqueId();
      const ledger = fixture.createLedger();
      const values = {
        id,
        ...Object.fromEntries(fixture.samples.map(({ column, value }) => [column, value])),
      };
      await ledger.operation(ref("standing", { payload: 1 })).insert({ into: "samples", values });
      const op = ref("standing", { payload: 1 });
      const { first } = await twice(() =>
        ledger.operation(op).insert({ into: "samples", values: { id }, conflict: ["id"] }),
      );
      expect(first).toStrictEqual({
        status: "executed",
        effect: "unchanged",
        value: await readBack(fixture, id),
      });
    });
  },
};
