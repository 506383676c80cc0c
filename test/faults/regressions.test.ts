import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLedger, type PgTransaction } from "../../src/adapters/pg/index.js";
import { startProxy, targetOf, throughProxy } from "../proxy/proxy.js";
import { createDatabase, serverUrl } from "../servers/use.js";
import { isRetryable, outrun, settle } from "./check.js";
import { tallyOf } from "./figures.js";
import { end, hold, type Lab, openLab } from "./lab.js";

tallyOf("regressions");
let lab: Lab;
beforeAll(async () => {
  lab = await openLab();
});
afterAll(() => lab?.close());

describe("an expired key that another process is taking over", () => {
  const LIMITS = { waitMs: 200, responseMs: 1_000, backoff: { attemptsMax: 2 } };

  it("once: IN_PROGRESS after `waitMs`", async () => {
    const ref = lab.key();
    const [a, b] = [lab.open(), lab.open(LIMITS)];
    await a.ledger.once({ ...ref, retentionMs: 1 }, () => 1);
    await sleep(20);
    const holder = await hold(a.ledger, ref);
    const patient = lab.open().ledger.once(ref, () => 4);
    const { ended, first } = await outrun(patient, () => b.ledger.once(ref, () => 3));
    await holder.finish();
    await patient;
    expect([end(ended), first]).toEqual([expect.stringContaining("OPLEDGER_IN_PROGRESS"), true]);
  });

  it("a bound write, and a batch: IN_PROGRESS after `waitMs`", async () => {
    const { ledger } = lab.open(LIMITS);
    const { pool } = lab.open();
    const [one, many] = [lab.key(), lab.key()];
    const write = { into: "effects", values: { n: 0 } };
    await ledger.operation({ ...one, retentionMs: 1 }).insert(write);
    await ledger.insertMany([{ ...many, retentionMs: 1, ...write }]);
    await sleep(20);
    const client = await pool.connect();
    await client.query("begin");
    await client.query("select from opledger_operations where key = any ($1) for update", [
      [one.key, many.key],
    ]);
    const patient = lab.open().ledger.operation(one).insert(write);
    const attempts: (() => Promise<unknown>)[] = [
      () => ledger.operation(one).insert(write),
      () => ledger.insertMany([{ ...many, ...write }]),
    ];
    const ends: unknown[] = [];
    for (const attempt of attempts) {
      const { ended, first } = await outrun(patient, attempt);
      ends.push([end(ended), first]);
    }
    await client.query("rollback");
    client.release();
    await patient;
    expect(ends).toEqual(Array(2).fill([expect.stringContaining("OPLEDGER_IN_PROGRESS"), true]));
  });
});

describe("errors are typed", () => {
  it("a COMMIT whose fate is unknown stays unknown when the next attempt meets an SQL error", async () => {
    const proxy = await startProxy(targetOf(lab.url));
    const { ledger, pool } = lab.open({}, throughProxy(lab.url, proxy));
    // As a failover does: the next connection leads to a server that only reads.
    proxy.onMessage = ({ name, text }) => {
      if (name === "CommandComplete" && text.startsWith("COMMIT")) {
        pool.options.options = "-c default_transaction_read_only=on";
      }
    };
    const match = ({ name, text }: { name: string; text: string }): boolean =>
      name === "CommandComplete" && text.startsWith("COMMIT");
    proxy.arm({ direction: "server", moment: "before", how: "reset", match });
    const ended = await settle(ledger.once(lab.key(), () => 1));
    await proxy.close();
    expect(end(ended)).toContain("OPLEDGER_OUTCOME_UNKNOWN");
  });

  it("sweep and inspect over a connection that is cut", async () => {
    const proxy = await startProxy(targetOf(lab.url));
    const { ledger } = lab.open({}, throughProxy(lab.url, proxy));
    const ends: string[] = [];
    for (const run of [() => ledger.sweep(), () => ledger.inspect(lab.key())]) {
      proxy.arm({ direction: "server", moment: "before", how: "reset" });
      const ended = await settle<unknown>(run());
      ends.push(ended.ok || isRetryable(ended.error) ? "fine" : end(ended));
    }
    await proxy.close();
    expect(ends).toEqual(["fine", "fine"]);
  });

  it.each([
    { name: "postgres15", setting: "statement_timeout" },
    { name: "postgres17", setting: "transaction_timeout" },
  ] as const)("the server's $setting ends the ledger's own claim", async ({ name, setting }) => {
    if (serverUrl(name) === undefined) return;
    const own = await openLab(await createDatabase(name));
    const ref = own.key();
    const holder = await hold(own.open().ledger, ref);
    const url = `${own.url}?options=-c%20${setting}%3D300`;
    const ended = await settle(own.open({ backoff: { attemptsMax: 2 } }, url).ledger.once(ref, () => 3));
    await holder.finish();
    await own.close();
    expect(ended.ok || isRetryable(ended.error) ? "fine" : end(ended)).toBe("fine");
  });

  it("within: a connection that is lost before the caller commits has rolled back", async () => {
    const proxy = await startProxy(targetOf(lab.url));
    const { ledger, pool } = lab.open({}, throughProxy(lab.url, proxy));
    const client = await pool.connect();
    client.on("error", () => {});
    await client.query("begin");
    const match = ({ text }: { text: string }): boolean => text.includes("RELEASE");
    proxy.arm({ direction: "client", moment: "before", how: "reset", match });
    const ended = await settle(ledger.within(client).once(lab.key(), () => 1));
    client.release(true);
    await proxy.close();
    expect(end(ended)).toContain("OPLEDGER_ROLLED_BACK");
  });

  it("a serialization failure that the work wraps is retried, as a wrapped loss of the connection is", async () => {
    let runs = 0;
    const ended = await settle(
      lab.open().ledger.once(lab.key(), async (tx) => {
        runs += 1;
        if (runs > 1) return;
        await tx.query("do $$ begin raise exception 'no' using errcode = '40001'; end $$").catch((cause) => {
          throw new Error("wrapped", { cause });
        });
      }),
    );
    expect([end(ended), runs]).toEqual(["ok", 2]);
  });
});

it("a client that is not pg's own, and that stays silent, is not waited for without end", async () => {
  const silent = { on: () => {}, query: () => new Promise<never>(() => {}) };
  const ledger = createLedger(silent, { waitMs: 50, responseMs: 50, backoff: { attemptsMax: 2, baseMs: 1 } });
  const ended = await settle(
    ledger.once(lab.key(), () => 1),
    3_000,
  );
  expect(ended.ok || isRetryable(ended.error) ? "fine" : end(ended)).toBe("fine");
});

it("within: a bound write leaves the caller's lock_timeout as it was", async () => {
  const { ledger, pool } = lab.open({ waitMs: 1_234 });
  const client = await pool.connect();
  await client.query("begin");
  await ledger
    .within(client)
    .operation(lab.key())
    .insert({ into: "effects", values: { n: 0 } });
  const { rows } = await client.query("show lock_timeout");
  await client.query("commit");
  client.release();
  expect(rows).toEqual([{ lock_timeout: "0" }]);
});

describe("no statement of the work commits on its own", () => {
  const attempt = async (n: number, ending: (tx: PgTransaction) => Promise<unknown>): Promise<string> => {
    const call = lab.open().ledger.once(lab.key(), async (tx) => {
      await ending(tx).catch(() => {});
      await tx.query(`insert into effects values (${n})`);
    });
    return end(await settle(call));
  };

  it("after a hidden COMMIT whose error is swallowed", async () => {
    expect(await attempt(9_001, (tx) => tx.query("select 1; commit"))).toContain("25P02");
    expect(await witnessed(9_001)).toBe(0);
  });

  it("after a query object that rolls back", async () => {
    const rollback = (tx: PgTransaction): Promise<void> =>
      new Promise((resolve) => {
        tx.query(new pg.Query("rollback", () => resolve()) as never);
      });
    expect(await attempt(9_002, rollback)).toContain("OPLEDGER_ROLLED_BACK");
    expect(await witnessed(9_002)).toBe(0);
  });

  const witnessed = (n: number): Promise<number> => lab.witness.applied(n);
});

describe("SET CONSTRAINTS ALL IMMEDIATE, which the ledger's own constraint refuses", () => {
  it("inside the work", async () => {
    const call = lab.open().ledger.once(lab.key(), async (tx) => {
      await tx.query("set constraints all immediate");
    });
    expect(end(await settle(call))).toContain("opledger:unfinished");
  });

  it("before a transaction is joined", async () => {
    const { ledger, pool } = lab.open();
    const client = await pool.connect();
    await client.query("begin; set constraints all immediate");
    const ended = await settle(ledger.within(client).once(lab.key(), () => 1));
    await client.query("rollback");
    client.release();
    expect(end(ended)).toContain("OPLEDGER_ROLLED_BACK");
  });
});
