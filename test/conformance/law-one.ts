import { expect } from "vitest";
import { account, addEffect, effects, ledgerRows, ref, refused, thrown, uniqueId } from "./helpers.js";
import type { Cases, Concern, Fixture, Work } from "./target.js";

const BROKEN = "SELECT * FROM no_such_table";

/** Success is never reported for a transaction that is not ours any more, and nothing of it is kept. */
export const lawOne: Concern = {
  name: "law one: the transaction is still ours",
  register: (cases) => {
    swallowing(cases);
    ending(cases);
    outliving(cases);
    isolated(cases);
  },
};

function swallowing({ test, target }: Cases): void {
  const aborts = target.capabilities.failedStatement === "aborts";
  for (const when of ["last", "before its effect", "with storeError"] as const) {
    const name = `work that swallows an SQL error (${when}): all or nothing`;
    test(name, async (fixture) => {
      const op = ref("swallow");
      const ledger = fixture.createLedger(when === "with storeError" ? { storeError: () => "stored" } : {});
      const attempt = ledger.once(op, async (tx) => {
        if (when === "last") await tx.query(addEffect(op.key));
        await tx.query(BROKEN).catch(() => {});
        if (when !== "last") await tx.query(addEffect(op.key)).catch(() => {});
        return "looks fine";
      });
      if (aborts) {
        const error = await refused(attempt, "OPLEDGER_ROLLED_BACK");
        expect(error).toMatchObject({ retryable: true, operation: { operation: "swallow" } });
      } else await attempt;
      const kept = aborts ? 0 : 1;
      expect([await effects(fixture, op.key), await ledgerRows(fixture, op)]).toStrictEqual([kept, kept]);
      expect((await ledger.once(op, () => 1)).status).toBe(aborts ? "executed" : "replayed");
    });
  }

  test("work that undoes its SQL error with a SAVEPOINT commits", async (fixture) => {
    const op = ref("savepoint");
    const made = await fixture.createLedger({ storeError: () => "unused" }).once(op, async (tx) => {
      await tx.query(addEffect(op.key));
      await tx.query("SAVEPOINT mine");
      await tx.query(addEffect(`${op.key}-undone`));
      await tx.query(BROKEN).catch(() => {});
      await tx.query("ROLLBACK TO SAVEPOINT mine");
      await tx.query("RELEASE SAVEPOINT mine");
      await tx.query("SAVEPOINT opledger_work");
      await tx.query("SAVEPOINT left_open");
      return "saved";
    });
    expect(made).toStrictEqual({ status: "executed", value: "saved" });
    expect([await effects(fixture, op.key), await effects(fixture, `${op.key}-undone`)]).toStrictEqual([
      1, 0,
    ]);
    expect(await ledgerRows(fixture, op)).toBe(1);
  });

  for (const savepoint of ["opledger", "opledger_work"]) {
    test(`work that rolls back to a savepoint of ours (${savepoint}): all or nothing`, async (fixture) => {
      const op = ref("ours");
      const ledger = fixture.createLedger({ storeError: () => undefined });
      const attempt = ledger.once(op, async (tx) => {
        await tx.query(addEffect(op.key));
        await tx.query(`ROLLBACK TO SAVEPOINT ${savepoint}`).catch(() => {});
      });
      await attempt.catch(() => {});
      const kept = await ledgerRows(fixture, op);
      const done = await effects(fixture, op.key);
      expect(done).toBeLessThanOrEqual(kept);
    });
  }
}

/** Registered once per text, whose number the fixture knows only when it is open. */
const ENDINGS_MAX = 13;

function ending({ test }: Cases): void {
  for (let index = 0; index < ENDINGS_MAX; index++) {
    for (const caught of [false, true]) {
      test(`work that ends its transaction, way ${index}${caught ? ", and goes on" : ""}`, async (fixture) => {
        const sql = fixture.endings[index % fixture.endings.length] ?? "COMMIT";
        const op = ref("ending");
        const attempt = fixture.createLedger().once(op, async (tx) => {
          await tx.query(addEffect(op.key));
          await tx.query(sql).catch((error: unknown) => {
            if (!caught) throw error;
          });
          await tx.query(addEffect(op.key)).catch((error: unknown) => {
            if (!caught) throw error;
          });
        });
        expect({ sql, error: await outcomeOf(attempt) }).not.toStrictEqual({ sql, error: undefined });
        expect({ sql, effects: await effects(fixture, op.key) }).toStrictEqual({ sql, effects: 0 });
        expect(await ledgerRows(fixture, op)).toBe(0);
        await usableAgain(fixture);
      });
    }
  }

  test("refusing to end a transaction is typed, and says how to undo a part", async (fixture) => {
    const error = await refused(
      fixture.createLedger().once(ref("commit"), (tx) => tx.query("COMMIT")),
      "OPLEDGER_ROLLED_BACK",
    );
    expect(`${error.message} ${String(error.cause)}`).toMatch(/SAVEPOINT/);
  });
}

async function outcomeOf(attempt: Promise<unknown>): Promise<string | undefined> {
  return attempt.then(
    () => undefined,
    (error: unknown) => String(error),
  );
}

/** A connection that is still in somebody's transaction would keep this effect from everybody. */
async function usableAgain(fixture: Fixture): Promise<void> {
  const op = ref("after");
  const ledger = fixture.createLedger();
  for (let n = 0; n < 3; n++) {
    const next = { ...op, key: `${op.key}-${n}` };
    await ledger.once(next, async (tx) => void (await tx.query(addEffect(op.key))));
  }
  expect(await effects(fixture, op.key)).toBe(3);
}

function outliving({ test }: Cases): void {
  test("a handle that outlives its work is refused, and writes nothing", async (fixture) => {
    const op = ref("outlive");
    let kept: Work | undefined;
    await fixture.createLedger().once(op, (tx) => {
      kept = tx;
    });
    const late = await thrown(kept?.query(addEffect(op.key)) ?? Promise.resolve());
    expect(late).toBeInstanceOf(TypeError);
    expect(await effects(fixture, op.key)).toBe(0);
  });

  test("a handle that outlives failed work is refused, and writes nothing", async (fixture) => {
    const op = ref("outlive");
    let kept: Work | undefined;
    const failed = fixture.createLedger().once(op, (tx) => {
      kept = tx;
      throw new Error("failed");
    });
    await failed.catch(() => {});
    expect(await thrown(kept?.query(addEffect(op.key)) ?? Promise.resolve())).toBeInstanceOf(TypeError);
    expect(await effects(fixture, op.key)).toBe(0);
  });

  test("a query that nobody awaited belongs to the transaction, whole", async (fixture) => {
    const op = ref("unawaited");
    const made = await fixture.createLedger().once(op, (tx) => {
      tx.query(addEffect(op.key)).catch(() => {});
      return "early";
    });
    expect(made.status).toBe("executed");
    expect([await effects(fixture, op.key), await ledgerRows(fixture, op)]).toStrictEqual([1, 1]);
  });

  test("a failing query that nobody awaited: all or nothing", async (fixture) => {
    const op = ref("unawaited");
    const attempt = fixture.createLedger().once(op, async (tx) => {
      await tx.query(addEffect(op.key));
      tx.query(BROKEN).catch(() => {});
      return "early";
    });
    await attempt.catch(() => {});
    expect(await effects(fixture, op.key)).toBe(await ledgerRows(fixture, op));
  });

  test("concurrent queries on the handle all belong to the transaction", async (fixture) => {
    const op = ref("concurrent");
    await fixture.createLedger().once(op, async (tx) => {
      await Promise.all(Array.from({ length: 10 }, () => tx.query(addEffect(op.key))));
    });
    expect(await effects(fixture, op.key)).toBe(10);
    const failing = ref("concurrent");
    const attempt = fixture.createLedger().once(failing, async (tx) => {
      await Promise.all([
        tx.query(addEffect(failing.key)),
        tx.query(BROKEN),
        tx.query(addEffect(failing.key)),
      ]);
    });
    expect(fixture.violation(await thrown(attempt))).toBe("missing-table");
    expect([await effects(fixture, failing.key), await ledgerRows(fixture, failing)]).toStrictEqual([0, 0]);
  });
}

function isolated({ test }: Cases): void {
  test("a bound write whose statement fails records nothing, and leaves the connection usable", async (fixture) => {
    const id = await account(fixture);
    const op = ref("fails");
    const ledger = fixture.createLedger();
    await ledger
      .operation(op)
      .insert({ into: "accounts", values: { id } })
      .catch(() => {});
    await ledger
      .operation(op)
      .insert({ into: "accounts", values: { id: "not a number" } })
      .catch(() => {});
    await ledger
      .operation(op)
      .insert({ into: "accounts", values: { id, nope: 1 } })
      .catch(() => {});
    expect(await ledgerRows(fixture, op)).toBe(0);
    const made = await ledger.operation(op).insert({ into: "accounts", values: { id: uniqueId() } });
    expect(made.status).toBe("executed");
    await usableAgain(fixture);
  });
}
