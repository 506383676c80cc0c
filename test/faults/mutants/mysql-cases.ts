import { setTimeout as sleep } from "node:timers/promises";
import mysql from "mysql2/promise";
import { codeOf, same } from "./assert.js";
import { BOTH, effects, statuses } from "./common-cases.js";
import { type Bench, meeting, type PooledLedger } from "./mysql-bench.js";

type Case = (bench: Bench) => Promise<void>;

const unfinished = ({ number }: Bench): Promise<number> =>
  number("select count(*) from opledger_operations where state = 0");
const rowsOf = ({ number }: Bench, { key }: { key: string }): Promise<number> =>
  number(`select count(*) from opledger_operations where \`key\` = '${key}'`);

const ROW = { table: "counters", where: { id: 1 } } as const;
const addTo = (id: number) => ({ table: "counters", where: { id }, by: { value: 1 } }) as const;

/** Short, sharp cases, one per promise that a mutant breaks. */
export const MYSQL_CASES: Readonly<Record<string, Case>> = {
  replay: async ({ ledger, key, number }) => {
    const [a, ref] = [ledger(), key()];
    same("first", (await a.operation(ref).increment(addTo(2))).status, "executed");
    same("second", (await a.operation(ref).increment(addTo(2))).status, "replayed");
    const many = [key(), key()].map((each) => ({ ...each, ...addTo(2) }));
    const all = async (): Promise<string[]> => (await a.incrementMany(many)).map(({ status }) => status);
    same("batch", await all(), ["executed", "executed"]);
    same("batch again", await all(), ["replayed", "replayed"]);
    same("counter", await number("select value from counters where id = 2"), 3);
  },

  "another payload": async ({ ledger, key }) => {
    const [a, b, once, write] = [ledger(), ledger(), key(), key()];
    await a.once({ ...once, payload: 1 }, () => "secret");
    for (const each of [a, b])
      same(
        "once",
        await codeOf(each.once({ ...once, payload: 2 }, () => 2)),
        "OPLEDGER_FINGERPRINT_MISMATCH",
      );
    await a.operation(write).insert({ into: "effects", values: { n: 1_001 } });
    const other = b.operation(write).insert({ into: "effects", values: { n: 1_002 } });
    same("write", await codeOf(other), "OPLEDGER_FINGERPRINT_MISMATCH");
  },

  "races behind a row lock": async ({ ledger, key, behindLock, number }) => {
    const race = async (run: (each: PooledLedger) => Promise<{ status: string }>): Promise<string[]> => {
      const both = [ledger(), ledger()];
      return behindLock(async (unlock) => {
        const ends = Promise.allSettled(both.map(run));
        await meeting();
        await unlock();
        return statuses(await ends);
      });
    };
    const [first, second] = [key(), key()];
    same("increment", await race((each) => each.operation(first).increment(addTo(1))), BOTH);
    const set = { ...ROW, version: 1, set: { value: 9 } };
    same("compare-and-set", await race((each) => each.operation(second).update(set)), BOTH);
    same("version", await number("select version from counters where id = 1"), 2);
    // Spends all there is, so that a second effect meets the CHECK.
    const third = key();
    const spend = { ...addTo(1), by: { value: -9 } };
    same("what leaves no room", await race((each) => each.operation(third).increment(spend)), BOTH);
  },

  "a duplicate that waits while the first run is under way": async (bench) => {
    const [a, b, ref] = [bench.ledger(), bench.ledger({ waitMs: 1_000 }), bench.key()];
    let finish: () => void = () => {};
    let begun: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const holder = a.once(ref, async () => {
      begun();
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    await running;
    same("duplicate", await codeOf(b.once(ref, () => 1)), "OPLEDGER_IN_PROGRESS");
    finish();
    await holder;
    same("afterwards", (await b.once(ref, () => 1)).status, "replayed");
  },

  "the session's lock wait": async ({ ledger, key, behindLock }) => {
    const bound = ledger({ waitMs: 1_000 }, { connectionLimit: 1 });
    const limit = async (): Promise<unknown> =>
      (await bound.pool.query<mysql.RowDataPacket[]>("select @@session.innodb_lock_wait_timeout as s"))[0][0]
        ?.s;
    const before = await limit();
    let inside: unknown;
    await bound.once(key(), async (tx) => {
      const [rows] = await tx.query<{ s: unknown }[]>("select @@session.innodb_lock_wait_timeout as s");
      inside = rows[0]?.s;
    });
    same("inside the work", inside, before);
    same("after once", await limit(), before);
    await bound.operation(key()).increment(addTo(3));
    same("after a write", await limit(), before);
    await bound.incrementMany([{ ...key(), ...addTo(3) }]);
    same("after a batch", await limit(), before);
    await behindLock(async () => {
      same("locked", await codeOf(bound.operation(key()).increment(addTo(1))), "OPLEDGER_IN_PROGRESS");
    });
    same("after a write that was refused", await limit(), before);
  },

  "a swallowed deadlock": async (bench) => {
    const [a, ref] = [bench.ledger(), bench.key()];
    const rival = await bench.admin.getConnection();
    await rival.query("start transaction");
    // Heavier than the work, so that it is the work that is rolled back.
    await rival.query("update counters set value = value + 1 where id between 20 and 50");
    let caught: unknown;
    const call = a.once(ref, async (tx) => {
      await tx.query("update counters set value = 700 where id = 10");
      const blocked = rival.query("update counters set value = value + 1 where id = 10");
      await meeting();
      await tx.query("update counters set value = 700 where id = 20").catch((error: unknown) => {
        caught = (error as { errno?: unknown }).errno;
      });
      await blocked;
      await tx.query("insert into effects (n) values (5)").catch(() => {});
    });
    const code = await codeOf(call);
    await rival.query("rollback");
    rival.release();
    same("errno", caught, 1213);
    same("code", code, "OPLEDGER_ROLLED_BACK");
    same("kept", [await effects(bench, 5), await rowsOf(bench, ref)], [0, 0]);
  },

  "a swallowed lock timeout": async (bench) => {
    const ref = bench.key();
    const a = bench.ledger();
    a.pool.pool.on("connection", (each) => each.query("set session innodb_lock_wait_timeout = 1"));
    let caught: unknown;
    const code = await bench.behindLock(() =>
      codeOf(
        a.once(ref, async (tx) => {
          await tx.query("insert into effects (n) values (6)");
          await tx.query("update counters set value = 0 where id = 1").catch((error: unknown) => {
            caught = (error as { errno?: unknown }).errno;
          });
        }),
      ),
    );
    same("errno", caught, 1205);
    same("code", code, "OPLEDGER_ROLLED_BACK");
    same("kept", [await effects(bench, 6), await rowsOf(bench, ref)], [0, 0]);
  },

  "work that ends its transaction": async (bench) => {
    const a = bench.ledger();
    const endings = [
      "commit",
      "rollback",
      "create table made (id int)",
      "/*! commit */",
      "set autocommit = 1",
    ];
    for (const [index, ending] of endings.entries()) {
      const n = 10 + index;
      const call = a.once(bench.key(), async (tx) => {
        await tx.query("insert into effects (n) values (?)", [n]);
        await tx.query(ending).catch(() => {});
        await tx.query("insert into effects (n) values (?)", [n]).catch(() => {});
      });
      same(ending, await codeOf(call), "OPLEDGER_ROLLED_BACK");
      same(ending, await effects(bench, n), 0);
    }
    same("unfinished", await unfinished(bench), 0);
  },

  "a procedure that commits": async (bench) => {
    const [a, ref] = [bench.ledger(), bench.key()];
    let runs = 0;
    const run = (): Promise<unknown> =>
      a.once(ref, async (tx) => {
        runs += 1;
        await tx.query("insert into effects (n) values (20)");
        await tx.query("call commits()").catch(() => {});
        await tx.query("insert into effects (n) values (21)").catch(() => {});
      });
    same("first", await codeOf(run()), "OPLEDGER_OUTCOME_UNKNOWN");
    same("again", await codeOf(run()), "OPLEDGER_OUTCOME_UNKNOWN");
    same("runs", runs, 1);
    same("effects", [await effects(bench, 20), await effects(bench, 21)], [1, 0]);
    await bench.admin.query("delete from opledger_operations where state = 0");
  },

  "work that goes around its handle": async (bench) => {
    const connection = await mysql.createConnection(bench.url);
    const ledger = bench.adapter.createLedger(connection);
    const ways = [
      "rollback to savepoint opledger_claim",
      "rollback; start transaction",
      "commit; start transaction",
    ];
    for (const [index, way] of ways.entries()) {
      const n = 30 + index;
      const call = ledger.once(bench.key(), async (tx) => {
        for (const statement of way.split("; ")) await connection.query(statement);
        await tx.query("insert into effects (n) values (?)", [n]);
      });
      same(way, await codeOf(call), "OPLEDGER_OUTCOME_UNKNOWN");
      same(way, await effects(bench, n), 0);
    }
    await bench.admin.query("delete from opledger_operations where state = 0");
    await connection.end();
  },

  "work that fails": async (bench) => {
    const [a, ref] = [bench.ledger({}, { connectionLimit: 1 }), bench.key()];
    const run = (fail: boolean): Promise<unknown> =>
      a.once(ref, async (tx) => {
        await tx.query("insert into effects (n) values (40)");
        if (fail) throw new Error("declined");
      });
    same("fails", await codeOf(run(true)), "Error: declined");
    const [rows] = await a.pool.query<mysql.RowDataPacket[]>(
      "select count(*) as n from effects where n = 40",
    );
    same("rolled back", rows[0]?.n, 0);
    same("retry", await codeOf(run(false)), "ok");
  },

  "a connection killed inside the work": async (bench) => {
    let runs = 0;
    await bench.ledger().once(bench.key(), async (tx) => {
      runs += 1;
      const [rows] = await tx.query<{ id: number }[]>("select connection_id() as id");
      if (runs === 1) await bench.admin.query(`kill connection ${rows[0]?.id}`);
      await sleep(20);
      await tx.query("insert into effects (n) values (70)");
    });
    same("effects", await effects(bench, 70), 1);
  },

  "a conflict that is let through": async ({ ledger, key }) => {
    let runs = 0;
    await ledger().once(key(), async (tx) => {
      runs += 1;
      if (runs === 1) await tx.query("signal sqlstate '40001' set mysql_errno = 1213");
    });
    same("runs", runs, 2);
  },

  "a row that has the values already": async ({ ledger, key, number }) => {
    const set = { table: "counters", where: { id: 4 }, set: { value: 0 } };
    for (const flags of [["-FOUND_ROWS"], ["FOUND_ROWS"]]) {
      const { status, effect } = await ledger({}, { flags }).operation(key()).update(set);
      same(String(flags), [status, effect], ["executed", "updated"]);
    }
    same("row", await number("select value from counters where id = 4"), 0);
    same(
      "none",
      await codeOf(
        ledger()
          .operation(key())
          .update({ ...set, where: { id: 99 } }),
      ),
      "OPLEDGER_ROW_NOT_FOUND",
    );
  },

  "a snapshot older than the operation": async ({ ledger, key, url, adapter }) => {
    const [a, once, write] = [ledger(), key(), key()];
    const connection = await mysql.createConnection(url);
    await connection.query("set session transaction isolation level repeatable read");
    await connection.query("start transaction");
    await connection.query("select count(*) from effects");
    await a.once(once, () => "first");
    await a.operation(write).increment(addTo(5));
    const joined = adapter.createLedger(connection).within(connection);
    same("once", (await joined.once(once, () => "second")).value, "first");
    same("write", (await joined.operation(write).increment(addTo(5))).status, "replayed");
    await connection.query("commit");
    await connection.end();
  },

  "a call that fails in the caller's transaction": async (bench) => {
    const connection = await mysql.createConnection(bench.url);
    const joined = bench.adapter.createLedger(connection).within(connection);
    await connection.query("start transaction");
    const failed = joined.once(bench.key(), async (tx) => {
      await tx.query("insert into effects (n) values (90)");
      throw new Error("declined");
    });
    same("fails", await codeOf(failed), "Error: declined");
    await joined.operation(bench.key()).insert({ into: "effects", values: { n: 91 } });
    await connection.query("commit");
    await connection.end();
    same("effects", [await effects(bench, 90), await effects(bench, 91)], [0, 1]);
  },

  "a statement that the client gives up": async (bench) => {
    const code = await bench.behindLock((unlock) =>
      codeOf(
        bench.ledger().once(bench.key(), async (tx) => {
          const held = { sql: "update counters set value = 800 where id = 1", timeout: 200 };
          await tx.query(held).catch(() => {});
          await unlock();
        }),
      ),
    );
    same("code", code, "OPLEDGER_ROLLED_BACK");
    same("row", await bench.number("select count(*) from counters where value = 800"), 0);
  },
};
