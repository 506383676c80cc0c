import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isRetryable, type Settled, settle, show } from "./check.js";
import { databaseFor, isHere } from "./databases.js";
import { tallyOf } from "./figures.js";
import type { Meddler, Opened, OpenOptions, Settings, Target } from "./target.js";
import { mariadbTarget, mysqlTarget } from "./targets/mysql2.js";

const tally = tallyOf("mysql-law-one");

/** How sessions see what others commit; each is a place where these engines lose a part of a transaction in its own way. */
interface Mode {
  readonly name: string;
  readonly target: Target;
  readonly settings: Settings;
  /** Locks on what is not there keep others from inserting it. */
  readonly gapLocks: boolean;
  /** A row that changed since the snapshot is refused (1020) instead of overwritten. */
  readonly refusesChanged: boolean;
}

const LEVELS = { "read committed": "'READ-COMMITTED'", "repeatable read": "'REPEATABLE-READ'" } as const;

const MODES: readonly Mode[] = (["read committed", "repeatable read"] as const).flatMap((level) => {
  const gapLocks = level === "repeatable read";
  const mariadb = (snapshots: "on" | "off"): Mode => ({
    name: `${mariadbTarget.name}, ${level}, innodb_snapshot_isolation ${snapshots}`,
    target: mariadbTarget,
    settings: { tx_isolation: LEVELS[level], innodb_snapshot_isolation: snapshots },
    gapLocks,
    refusesChanged: gapLocks && snapshots === "on",
  });
  const settings = { transaction_isolation: LEVELS[level] };
  const name = `${mysqlTarget.name}, ${level}`;
  return [
    mariadb("off"),
    mariadb("on"),
    { name, target: mysqlTarget, settings, gapLocks, refusesChanged: false },
  ];
});

for (const mode of MODES) {
  describe.skipIf(!isHere(mode.target))(mode.name, () => {
    const lab = useLab(mode);
    swallowed(lab);
    letThrough(lab, mode);
    raced(lab, mode);
    givenUp(lab);
    if (mode.settings.innodb_snapshot_isolation !== "on") hidden(lab);
  });
}

interface Lab {
  witness(): Meddler;
  open(options?: OpenOptions): Opened<unknown>;
  ref(): { operation: string; key: string };
  /** A number that no other case uses. */
  fresh(): number;
}

function useLab({ target, settings }: Mode): Lab {
  let database: { url: string; drop(): Promise<void> };
  let witness: Meddler;
  const opened: Opened<unknown>[] = [];
  let used = 0;
  beforeAll(async () => {
    database = await databaseFor(target);
    witness = await target.prepare(database.url);
  });
  afterAll(async () => {
    await Promise.all(opened.map((each) => each.close()));
    await witness?.close();
    await database?.drop();
  });
  return {
    witness: () => witness,
    open: ({ settings: more, ...options } = {}) => {
      const made = target.open(database.url, { ...options, settings: { ...settings, ...more } });
      opened.push(made);
      return made;
    },
    ref: () => ({ operation: "law", key: `key-${++used}` }),
    fresh: () => ++used,
  };
}

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** What is kept of a refused operation: its row changes, and its ledger rows. */
async function kept(lab: Lab, n: number, { operation, key }: { operation: string; key: string }) {
  return [await lab.witness().applied(n), (await lab.witness().stored(operation, key)).length];
}

function refused(ended: Settled<unknown>, code: string): string {
  return !ended.ok && isRetryable(ended.error, code) ? code : ended.ok ? "ok" : show(ended.error);
}

function errnoOf(error: unknown): unknown {
  return (error as { errno?: unknown }).errno;
}

const reasons = ({ events }: Opened<unknown>): string[] =>
  events.flatMap((event) => (event.type === "retried" ? [event.reason] : []));

function swallowed(lab: Lab): void {
  it("a swallowed deadlock (1213) is reported, and nothing of the work is kept", async () => {
    const [a, rival, n, ref] = [lab.open(), lab.open(), lab.fresh(), lab.ref()];
    await lab.witness().seed(n);
    await lab.witness().seed(n + 1_000);
    let errno: unknown;
    let runs = 0;
    const [ready, goOn] = [gate(), gate()];
    const heavy = rival.ledger.once(lab.ref(), async (tx) => {
      // Heavier than the other work, so that it is the other one that is rolled back. One by one, since a scan would lock them all.
      for (const id of [0, 1, 2, 3].map((k) => (n + 1_000) * 10 + k))
        await rival.sql(tx, `update accounts set status = 'heavy' where id = ${id}`);
      ready.open();
      await goOn.opened;
      await rival.sql(tx, `update accounts set status = 'heavy' where id = ${n * 10}`);
    });
    const ended = await settle(
      a.ledger.once(ref, async (tx) => {
        runs += 1;
        await a.sql(tx, `update accounts set status = 'light' where id = ${n * 10}`);
        await ready.opened;
        goOn.open();
        await waiting(lab, 1);
        await a
          .sql(tx, `update accounts set status = 'light' where id = ${n * 10 + 10_000}`)
          .catch((error) => {
            errno = errnoOf(error);
          });
        await a.effect(tx, n).catch(() => {});
      }),
    );
    expect((await heavy).status).toBe("executed");
    tally.fault("deadlock");
    expect([errno, runs, refused(ended, "OPLEDGER_ROLLED_BACK")]).toEqual([1213, 1, "OPLEDGER_ROLLED_BACK"]);
    // The one change is the rival's.
    expect(await kept(lab, n, ref)).toEqual([1, 0]);
    expect((await a.ledger.once(ref, () => 1)).status).toBe("executed");
  });

  it("a swallowed lock timeout (1205) is reported, and nothing of the work is kept", async () => {
    const [a, rival, n, ref] = [
      lab.open({ settings: { innodb_lock_wait_timeout: "1" } }),
      lab.open(),
      lab.fresh(),
      lab.ref(),
    ];
    await lab.witness().seed(n);
    const [holds, finish] = [gate(), gate()];
    const holder = rival.ledger.once(lab.ref(), async (tx) => {
      await rival.sql(tx, `update accounts set status = 'held' where id = ${n * 10}`);
      holds.open();
      await finish.opened;
    });
    await holds.opened;
    let errno: unknown;
    const ended = await settle(
      a.ledger.once(ref, async (tx) => {
        await a.effect(tx, n);
        await a.sql(tx, `update accounts set status = 'mine' where id = ${n * 10}`).catch((error) => {
          errno = errnoOf(error);
        });
      }),
    );
    finish.open();
    await holder;
    tally.fault("lock timeout");
    expect([errno, refused(ended, "OPLEDGER_ROLLED_BACK")]).toEqual([1205, "OPLEDGER_ROLLED_BACK"]);
    expect(await kept(lab, n, ref)).toEqual([1, 0]);
    expect((await a.ledger.once(ref, () => 1)).status).toBe("executed");
  });
}

const WAITERS =
  "select 1 from information_schema.innodb_trx join information_schema.processlist on trx_mysql_thread_id = processlist.id " +
  "where db = database() and trx_state = 'LOCK WAIT'";

/** Until as many wait for a lock. The servers show it as it was, for as long as somebody asks again within 100 ms. */
async function waiting(lab: Lab, count: number): Promise<void> {
  while ((await lab.witness().query(WAITERS)).length < count) await sleep(150);
}

/** Two works that reach the same point before either goes on; when one runs again, nobody holds it. */
function meeting(): () => Promise<void> {
  const both = gate();
  let arrived = 0;
  return async () => {
    arrived += 1;
    if (arrived === 2) both.open();
    await both.opened;
  };
}

function letThrough(lab: Lab, { gapLocks, refusesChanged }: Mode): void {
  it("works that lock the same gap and then insert into it: both execute", async () => {
    const [a, n] = [lab.open(), lab.fresh()];
    const meet = meeting();
    const insert = (k: number) =>
      a.ledger.once(lab.ref(), async (tx) => {
        await a.sql(tx, `select 1 from accounts where id = ${1_000_000 + n * 10 + k} for update`);
        await meet();
        await a.sql(tx, `insert into accounts (id, n) values (${1_000_000 + n * 10 + k}, ${n})`);
      });
    const both = await Promise.all([settle(insert(1)), settle(insert(2))]);
    tally.fault("deadlock", gapLocks ? 1 : 0);
    expect(both.map((each) => (each.ok ? each.value.status : show(each.error)))).toEqual([
      "executed",
      "executed",
    ]);
    expect(new Set(reasons(a))).toEqual(new Set(gapLocks ? ["conflict"] : []));
    expect(await lab.witness().applied(n)).toBe(2);
  });

  it("a row that changed since the work's snapshot", async () => {
    const [a, rival, n] = [lab.open(), lab.open(), lab.fresh()];
    await lab.witness().seed(n);
    let runs = 0;
    const { status } = await a.ledger.once(lab.ref(), async (tx) => {
      runs += 1;
      const [row] = await a.sql(tx, `select balance from accounts where id = ${n * 10}`);
      if (runs === 1) {
        const by = { balance: 10n };
        await rival.ledger.operation(lab.ref()).increment({ table: "accounts", where: { id: n * 10 }, by });
      }
      await a.sql(tx, `update accounts set balance = ${Number(row?.balance)} + 1 where id = ${n * 10}`);
    });
    expect([status, runs]).toEqual(["executed", refusesChanged ? 2 : 1]);
    // What the guide says of works that write back what they read: only 1020 saves the other one's increment.
    expect(await lab.witness().balance(n)).toBe(refusesChanged ? 411 : 401);
    tally.fault("changed row", refusesChanged ? 1 : 0);
  });

  it.runIf(refusesChanged)("a swallowed 1020 is reported, and nothing of the work is kept", async () => {
    const [a, rival, n, ref] = [lab.open(), lab.open(), lab.fresh(), lab.ref()];
    await lab.witness().seed(n);
    let errno: unknown;
    const ended = await settle(
      a.ledger.once(ref, async (tx) => {
        await a.sql(tx, `select balance from accounts where id = ${n * 10}`);
        await rival.ledger
          .operation(lab.ref())
          .increment({ table: "accounts", where: { id: n * 10 }, by: { balance: 10n } });
        await a.sql(tx, `update accounts set balance = 0 where id = ${n * 10}`).catch((error) => {
          errno = errnoOf(error);
        });
        await a.effect(tx, n).catch(() => {});
      }),
    );
    tally.fault("changed row");
    expect([errno, refused(ended, "OPLEDGER_ROLLED_BACK")]).toEqual([1020, "OPLEDGER_ROLLED_BACK"]);
    expect(await kept(lab, n, ref)).toEqual([1, 0]);
  });
}

function raced(lab: Lab, { refusesChanged }: Mode): void {
  it("bound writes that meet a concurrent run of their own: one executes, the other waits and replays", async () => {
    const [a, b, rival, n] = [lab.open(), lab.open(), lab.open(), lab.fresh()];
    await lab.witness().seed(n);
    const [holds, finish] = [gate(), gate()];
    const holder = rival.ledger.once(lab.ref(), async (tx) => {
      await rival.sql(tx, `select 1 from accounts where id = ${n * 10} for update`);
      holds.open();
      await finish.opened;
    });
    await holds.opened;
    const ref = lab.ref();
    const add = (each: Opened<unknown>) =>
      each.ledger.operation(ref).increment({ table: "accounts", where: { id: n * 10 }, by: { balance: 7n } });
    const both = [settle(add(a)), settle(add(b))];
    await waiting(lab, 2);
    finish.open();
    await holder;
    const ends = await Promise.all(both);
    expect(ends.map((each) => (each.ok ? each.value.status : show(each.error))).sort()).toEqual([
      "executed",
      "replayed",
    ]);
    expect(await lab.witness().balance(n)).toBe(407);
    const waited = [a, b].map(({ events }) => events.filter(({ type }) => type === "waited").length);
    expect(waited.sort()).toEqual([0, 1]);
  });

  it("in a transaction older than the operation it is replayed, unless such rows are refused", async () => {
    const [a, b, n] = [lab.open(), lab.open(), lab.fresh()];
    await lab.witness().seed(n);
    const [one, many] = [lab.ref(), lab.ref()];
    const write = { table: "accounts", where: { id: n * 10 }, by: { balance: 7n } };
    const ended = await settle(
      a.joined(async (ledger, sql) => {
        await sql("select count(*) from accounts");
        await b.ledger.operation(one).increment(write);
        await b.ledger.incrementMany([{ ...many, ...write }]);
        const [batch] = await ledger.incrementMany([{ ...many, ...write }]);
        return [(await ledger.operation(one).increment(write)).status, batch?.status];
      }),
    );
    const said = ended.ok ? ended.value : refused(ended, "OPLEDGER_ROLLED_BACK");
    expect(said).toEqual(refusesChanged ? "OPLEDGER_ROLLED_BACK" : ["replayed", "replayed"]);
    expect(await lab.witness().balance(n)).toBe(414);
  });
}

function hidden(lab: Lab): void {
  const prepared = (sql: string): string[] => [`prepare hidden from '${sql}'`, "execute hidden"];
  it.each([
    ["COMMIT", prepared("commit")],
    ["ROLLBACK", prepared("rollback")],
    ["DDL", prepared("create table hidden_table (id int)")],
  ])(
    "a %s that hides in a prepared statement is reported; nothing follows it, and the key is blocked",
    async (_, ways) => {
      const [a, n, ref] = [lab.open(), lab.fresh(), lab.ref()];
      let runs = 0;
      const run = () =>
        a.ledger.once(ref, async (tx) => {
          runs += 1;
          await a.effect(tx, n);
          for (const sql of ways) await a.sql(tx, sql).catch(() => {});
          await a.effect(tx, n).catch(() => {});
        });
      const first = await settle(run());
      expect(first.ok ? "ok" : show(first.error)).toContain("OPLEDGER_OUTCOME_UNKNOWN");
      const [changes, rows] = await kept(lab, n, ref);
      // What was committed with the claim is one change at the most, and the claim tells of it.
      expect([
        [1, 1],
        [0, 0],
      ]).toContainEqual([changes, rows]);
      const again = await settle(run());
      expect([again.ok, runs]).toEqual(rows === 1 ? [false, 1] : [false, 2]);
      await lab.witness().query("delete from opledger_operations where state = 0");
      await lab.witness().query("drop table if exists hidden_table");
    },
  );
}

function givenUp(lab: Lab): void {
  it("a statement that the client gives up is the connection's end, though the work swallows the timeout", async () => {
    const [rival, n, ref] = [lab.open(), lab.fresh(), lab.ref()];
    const a = lab.open({ workTimeoutMs: 300, backoff: { attemptsMax: 1 } });
    await lab.witness().seed(n);
    const [holds, finish] = [gate(), gate()];
    const holder = rival.ledger.once(lab.ref(), async (tx) => {
      await rival.sql(tx, `update accounts set status = 'held' where id = ${n * 10}`);
      holds.open();
      await finish.opened;
    });
    await holds.opened;
    let code: unknown;
    const ended = await settle(
      a.ledger.once(ref, async (tx) => {
        await a.sql(tx, `update accounts set status = 'mine' where id = ${n * 10}`).catch((error) => {
          code = (error as { code?: unknown }).code;
        });
        // The server goes on with it, and would have it committed beside what the work does instead.
        finish.open();
        await holder;
        await a.effect(tx, n).catch(() => {});
      }),
    );
    tally.fault("client timeout");
    expect([code, refused(ended, "OPLEDGER_ROLLED_BACK")]).toEqual([
      "PROTOCOL_SEQUENCE_TIMEOUT",
      "OPLEDGER_ROLLED_BACK",
    ]);
    expect(await kept(lab, n, ref)).toEqual([1, 0]);
    expect(await a.leak()).toBeUndefined();
  });
}
