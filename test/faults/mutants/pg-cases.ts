import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { codeOf, same } from "./assert.js";
import { BOTH, effects, statuses } from "./common-cases.js";
import type { Bench } from "./pg-bench.js";

type Case = (bench: Bench) => Promise<void>;

const ROW = { table: "counters", where: { id: 1 } } as const;

/** Short, sharp cases, one per promise that a mutant breaks. */
export const PG_CASES: Readonly<Record<string, Case>> = {
  replay: async ({ ledger, key, number }) => {
    const [a, ref] = [ledger(), key()];
    const increment = { table: "counters", where: { id: 2 }, by: { value: 1 } };
    same("first", (await a.operation(ref).increment(increment)).status, "executed");
    same("second", (await a.operation(ref).increment(increment)).status, "replayed");
    const many = [key(), key()].map((each) => ({ ...each, ...increment }));
    same(
      "batch",
      (await a.incrementMany(many)).map(({ status }) => status),
      ["executed", "executed"],
    );
    same(
      "batch again",
      (await a.incrementMany(many)).map(({ status }) => status),
      ["replayed", "replayed"],
    );
    same("counter", await number("select value from counters where id = 2"), 3);
  },

  "the first caller gets the stored bytes": async ({ ledger, key }) => {
    const [a, ref] = [ledger(), key()];
    const work = (): unknown => ({ at: new Date(0), none: undefined, big: 1n });
    const [first, again] = [await a.once(ref, work), await a.once(ref, work)];
    same("value", Object.keys(first.value as object), Object.keys(again.value as object));
    same("value", first.value, again.value);
  },

  "a row that JSON bends": async (bench) => {
    await bench.admin.query("create table bent (v integer[])");
    const types = { getTypeParser: () => (text: unknown) => text };
    const pool = new pg.Pool({ connectionString: bench.url, max: 1, types });
    const a = bench.adapter.createLedger(pool);
    // The first run of a shape is rebuilt, and shows its types.
    for (const each of [bench.key(), bench.key()]) {
      const insert = () => a.operation(each).insert({ into: "bent", values: { v: "[0:1]={1,2}" } });
      same("replay", (await insert()).value, (await insert()).value);
    }
    await pool.end();
  },

  "a key minted just now, and used elsewhere": async ({ ledger }) => {
    const [a, b] = [ledger(), ledger()];
    const time = Date.now().toString(16).padStart(12, "0");
    const ref = { operation: "check", key: `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000` };
    const increment = { table: "counters", where: { id: 3 }, by: { value: 1 } };
    for (const [each, status] of [
      [a, "executed"],
      [b, "replayed"],
    ] as const) {
      same("once", (await each.once(ref, () => 1)).status, status);
      same("write", (await each.operation({ ...ref, scope: "w" }).increment(increment)).status, status);
    }
  },

  "another payload": async ({ ledger, key }) => {
    const [a, once, write] = [ledger(), key(), key()];
    await a.once({ ...once, payload: 1 }, () => "secret");
    same("once", await codeOf(a.once({ ...once, payload: 2 }, () => 2)), "OPLEDGER_FINGERPRINT_MISMATCH");
    const insert = (n: number): Promise<unknown> =>
      a.operation(write).insert({ into: "effects", values: { n } });
    await insert(1_001);
    same("write", await codeOf(insert(1_002)), "OPLEDGER_FINGERPRINT_MISMATCH");
  },

  "other identities": async ({ ledger }) => {
    const a = ledger();
    const run = async (scope: string, operation: string, key: string): Promise<string> =>
      (await a.once({ scope, operation, key }, () => 1)).status;
    same("first", await run("s", "ab", "c"), "executed");
    same("other scope", await run("t", "ab", "c"), "executed");
    same("parts moved", await run("s", "a", "bc"), "executed");
  },

  "races behind a row lock": async ({ ledger, key, behindLock }) => {
    const [a, b, first, second] = [ledger(), ledger(), key(), key()];
    const add = (each: typeof a) => each.operation(first).increment({ ...ROW, by: { value: 1 } });
    same("increment", statuses(await behindLock(() => [add(a), add(b)])), BOTH);
    const set = (each: typeof a) => each.operation(second).update({ ...ROW, version: 1, set: { value: 9 } });
    same("compare-and-set", statuses(await behindLock(() => [set(a), set(b)])), BOTH);
  },

  "work that ends its transaction": async (bench) => {
    const a = bench.ledger();
    const endings = [
      "rollback",
      "select 1; rollback",
      "select 1; rollback; begin",
      "select 1; commit; begin",
    ];
    for (const [index, ending] of endings.entries()) {
      const n = 10 + index;
      const call = a.once(bench.key(), async (tx) => {
        await tx.query(`insert into effects values (${n})`);
        await tx.query(ending).catch(() => {});
        if (index < 3) await tx.query(`insert into effects values (${n})`).catch(() => {});
      });
      same(ending, await codeOf(call), "OPLEDGER_ROLLED_BACK");
      same(ending, await effects(bench, n), 0);
    }
    same("unfinished", await bench.number("select count(*) from opledger_operations where state = 0"), 0);
  },

  "work that ends its transaction, on a client that cannot tell": async (bench) => {
    const client = new pg.Client(bench.url);
    await client.connect();
    const simple = {
      on: () => {},
      query: async (config: { text: string; values?: unknown[] | undefined } | string) =>
        client.query(
          typeof config === "string" ? { text: config } : { text: config.text, values: config.values ?? [] },
        ),
    };
    const call = bench.adapter.createLedger(simple).once(bench.key(), async (tx) => {
      await tx.query("rollback").catch(() => {});
      await tx.query("insert into effects values (15)").catch(() => {});
    });
    same("code", await codeOf(call), "OPLEDGER_ROLLED_BACK");
    same("effects", await effects(bench, 15), 0);
    await client.end();
  },

  "work that goes around its handle": async (bench) => {
    const client = new pg.Client(bench.url);
    await client.connect();
    const ledger = bench.adapter.createLedger(client);
    for (const [index, ending] of ["commit", "rollback", "rollback; begin"].entries()) {
      const n = 16 + index;
      const call = ledger.once(bench.key(), async (tx) => {
        await tx.query(`insert into effects values (${n})`);
        await client.query(ending).catch(() => {});
        await tx.query(`insert into effects values (${n})`).catch(() => {});
      });
      same(ending, await codeOf(call), "OPLEDGER_ROLLED_BACK");
      same(ending, await effects(bench, n), 0);
    }
    same("unfinished", await bench.number("select count(*) from opledger_operations where state = 0"), 0);
    await client.end();
  },

  "an error that the work swallows": async (bench) => {
    const a = bench.ledger();
    const call = a.once(bench.key(), async (tx) => {
      await tx.query("insert into effects values (20)");
      await tx.query("select 1 / 0").catch(() => {});
    });
    same("code", await codeOf(call), "OPLEDGER_ROLLED_BACK");
    same("effects", await effects(bench, 20), 0);
  },

  "work that fails": async (bench) => {
    const [a, ref] = [bench.ledger({}, bench.url, 1), bench.key()];
    const run = (fail: boolean): Promise<unknown> =>
      a.once(ref, async (tx) => {
        await tx.query("insert into effects values (30)");
        if (fail) throw new Error("declined");
      });
    same("fails", await codeOf(run(true)), "Error: declined");
    const { rows } = await a.pool.query("select count(*)::int as n from effects where n = 30");
    same("rolled back", rows, [{ n: 0 }]);
    same("retry", await codeOf(run(false)), "ok");
  },

  "COMMIT that answers ROLLBACK": async ({ adapter, url, key, number }) => {
    const client = new pg.Client(url);
    await client.connect();
    // As a server does that aborted the transaction without telling, and a client that does not pipeline.
    const liar = {
      on: () => {},
      query: async (config: { text: string; values?: unknown[] | undefined }) =>
        client.query(
          config.text === "COMMIT"
            ? { text: "ROLLBACK" }
            : { text: config.text, values: config.values ?? [] },
        ),
    };
    const code = await codeOf(adapter.createLedger(liar).once(key(), () => 1));
    same("code", code, "OPLEDGER_ROLLED_BACK");
    same(
      "rows",
      await number(
        "select count(*) from pg_stat_activity where state = 'idle in transaction' and datname = current_database()",
      ),
      0,
    );
    await client.end();
  },

  "a backend killed inside the work": async (bench) => {
    let runs = 0;
    await bench.ledger().once(bench.key(), async (tx) => {
      runs += 1;
      const { rows } = await tx.query<{ pid: number }>("select pg_backend_pid() as pid");
      if (runs === 1) await bench.admin.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
      await sleep(20);
      await tx.query("insert into effects values (70)");
    });
    same("effects", await effects(bench, 70), 1);
  },

  "a serialization failure": async ({ ledger, key }) => {
    let runs = 0;
    await ledger().once(key(), async (tx) => {
      runs += 1;
      if (runs === 1) await tx.query("do $$ begin raise exception 'no' using errcode = '40001'; end $$");
    });
    same("runs", runs, 2);
  },

  "lock timeouts": async ({ ledger, key }) => {
    const [a, b, ref] = [
      ledger(),
      ledger({ waitMs: 150, responseMs: 300, backoff: { attemptsMax: 2 } }),
      key(),
    ];
    let finish: () => void = () => {};
    let seen: unknown;
    const holder = a.once(ref, async (tx) => {
      seen = (await tx.query("show lock_timeout")).rows;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    await sleep(60);
    same("duplicate", await codeOf(b.once(ref, () => 1)), "OPLEDGER_IN_PROGRESS");
    finish();
    await holder;
    same("the work's lock_timeout", seen, [{ lock_timeout: "0" }]);
  },

  "duplicates on a small pool": async ({ ledger, key, url }) => {
    const [a, ref] = [ledger({ waitMs: 500 }, url, 3), key()];
    const run = (): Promise<{ status: string }> =>
      a.once(ref, async () => {
        await sleep(20);
        await a.pool.query("select 1");
      });
    same("ends", statuses(await Promise.allSettled([run(), run(), run()])), [
      "executed",
      "replayed",
      "replayed",
    ]);
  },
};
