import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainArgumentsForm, writeArguments } from "../../src/core/write-form.js";
import { type Entries, incrementWrite, updateWrite, type Write } from "../../src/core/writes.js";
import { canonicalForm } from "../../src/index.js";
import { DecimalJsLike } from "./support/values.js";

const value = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -0, 1e21, 0.1, 7n, new Date(0), Uint8Array.of(1, 2), undefined),
  fc.string({ unit: "binary" }),
  fc.integer(),
  fc.array(fc.integer(), { maxLength: 3 }),
  fc.dictionary(fc.string({ maxLength: 3 }), fc.integer(), { maxKeys: 3 }),
  fc.constant(new DecimalJsLike("1.50")),
);
const column = fc.oneof(
  fc.string({ minLength: 1, maxLength: 6 }),
  fc.constantFrom(
    "id",
    "balance",
    "$date",
    "$$",
    "__proto__",
    "toString",
    "\u00e9",
    "\ufb33",
    "\u{1f602}",
    '"',
  ),
);
const entries: fc.Arbitrary<Entries> = fc.uniqueArray(fc.tuple(column, value), {
  selector: ([name]) => name,
  maxLength: 5,
});
const names = fc.uniqueArray(column, { minLength: 1, maxLength: 4 });
const shape = { table: fc.constant(["t"]), returning: fc.option(names, { nil: undefined }) };
const version = fc.option(fc.record({ column, expected: fc.oneof(fc.integer(), fc.bigInt()) }), {
  nil: undefined,
});
const anyWrite = fc.oneof(
  fc.record({ verb: fc.constant("insert"), ...shape, values: entries, conflict: names }),
  fc.record({ verb: fc.constant("insert"), ...shape, values: entries, conflict: fc.constant([]) }),
  fc.record({
    verb: fc.constant("upsert"),
    ...shape,
    values: entries,
    conflict: names,
    update: names,
    by: entries,
  }),
  fc.record({ verb: fc.constant("update"), ...shape, where: entries, set: entries, version }),
  fc.record({ verb: fc.constant("increment"), ...shape, where: entries, by: entries }),
  fc.record({ verb: fc.constant("delete"), ...shape, where: entries }),
) as fc.Arbitrary<Write>;

describe("the short way to the form of a write's arguments", () => {
  it("gives the text of the general way, or leaves it to that", () => {
    let taken = 0;
    fc.assert(
      fc.property(anyWrite, (write) => {
        const form = plainArgumentsForm(write);
        if (form === undefined) return;
        taken += 1;
        expect(form).toBe(canonicalForm(writeArguments(write)));
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  it("has golden values, since a changed form would refuse every retry", () => {
    const increment = incrementWrite({
      table: "accounts",
      where: { id: 7 },
      by: { fee: "0.50", balance: 5n },
    });
    expect(plainArgumentsForm(increment)).toBe(
      '{"by":{"balance":{"$bigint":"5"},"fee":"0.50"},"where":{"id":7}}',
    );
    const args = { table: "accounts", where: { id: 7 }, version: 3, set: { status: "open" } };
    expect(plainArgumentsForm(updateWrite({ ...args, returning: ["status", "id"] }))).toBe(
      '{"returning":["id","status"],"set":{"status":"open"},"version":{"column":"version","expected":3},"where":{"id":7}}',
    );
  });

  it.each(["toJSON", "toFixed"])("leaves a column named %s to the general way", (name) => {
    const write = incrementWrite({ table: "t", where: { [name]: 1 }, by: { b: 1 } });
    expect(plainArgumentsForm(write)).toBeUndefined();
  });
});
