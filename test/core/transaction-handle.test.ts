import { describe, expect, it } from "vitest";
import type { PgClientLike, PgResult } from "../../src/adapters/pg/client.js";
import { TransactionHandle } from "../../src/adapters/pg/transaction.js";
import { RolledBackError } from "../../src/core/errors.js";

const EMPTY: PgResult = { rows: [], rowCount: 0, command: "SELECT", fields: [] };

class FakeClient implements PgClientLike {
  readonly sent: unknown[][] = [];
  status = "T";
  fails: Error | undefined;

  query(...given: unknown[]): Promise<PgResult> {
    this.sent.push(given);
    return this.fails === undefined ? Promise.resolve(EMPTY) : Promise.reject(this.fails);
  }
  on(): unknown {
    return this;
  }
  getTransactionStatus(): string {
    return this.status;
  }
}

function open(): { client: FakeClient; handle: TransactionHandle } {
  const client = new FakeClient();
  return { client, handle: new TransactionHandle(client) };
}

describe("the work's handle refuses statements that begin or end a transaction", () => {
  it.each([
    ...["commit", "COMMIT", "Commit;", "commit work", "commit and chain", "commit\t;", "COMMIT/**/"],
    ...["end", "END;", "end transaction", "abort", "ABORT WORK"],
    ...["rollback", "ROLLBACK;", "rollback work", "rollback transaction", "rollback and chain"],
    ...["begin", "BEGIN ISOLATION LEVEL SERIALIZABLE", "start transaction", "START\n\tTRANSACTION READ ONLY"],
    ...[
      "prepare transaction 'x'",
      "PREPARE  TRANSACTION 'x'",
      "commit prepared 'x'",
      "rollback prepared 'x'",
    ],
    ...["  \n\t commit", "-- a comment\ncommit", "--\ncommit", "/* a comment */ commit", "/**/commit"],
    ...["/* a\n b */\n-- c\n/* d */ COMMIT", "-- commit\nROLLBACK", "/* ; select */ end", "/* '*/ commit"],
    ...["/* outer /* inner */ outer */ commit"],
  ])("%j", async (sql) => {
    const { client, handle } = open();
    await expect(handle.query(sql)).rejects.toThrow(RolledBackError);
    await expect(handle.query({ text: sql })).rejects.toThrow(/begin or end a transaction/);
    await expect(handle.query("select 1")).rejects.toThrow(RolledBackError);
    expect(client.sent).toEqual([]);
    expect(handle.spoiled).toMatchObject({ code: "OPLEDGER_ROLLED_BACK", retryable: true });
  });
});

describe("the work's handle lets every other statement through", () => {
  it.each([
    ...["select 1", "", ";", "insert into commits values (1)", "select 'commit'", "select 1 -- commit"],
    ...[
      "rollback to a",
      "ROLLBACK TO SAVEPOINT a",
      "rollback work to savepoint a",
      "Rollback\nTransaction  To a",
    ],
    ...["savepoint a", "release savepoint a", "release a", "SAVEPOINT commit"],
    ...["endpoint", "end_of_day()", "committed", "beginning", "aborted", "rollbacks", "starting"],
    ...["prepare plan as select 1", "prepare transactions as select 1", "set transaction read only"],
    ...[
      "-- commit",
      "/* commit */ select 1",
      "-- commit\nselect 1",
      "/* a */ -- end\n select 1",
      "/* commit",
    ],
    ...[
      "select $$ commit $$",
      '"commit"',
      "with begin as (select 1) select 1",
      "start",
      "update t set begin = 1",
    ],
  ])("%j", async (sql) => {
    const { client, handle } = open();
    await handle.query(sql);
    await handle.query({ text: sql }, [1]);
    const extended = { text: sql, queryMode: "extended" };
    expect(client.sent.map(([query, ...rest]) => [flat(query), ...rest])).toEqual([
      [extended],
      [extended, [1]],
    ]);
    expect(handle.spoiled).toBeUndefined();
  });
});

/** What pg reads of a query, own or inherited. */
function flat(query: unknown): unknown {
  const { text, queryMode } = query as { text: string; queryMode: string };
  return { text, queryMode };
}

describe("the work's handle", () => {
  it("sends nothing once the transaction has ended in spite of it", async () => {
    const { client, handle } = open();
    client.status = "I";
    await expect(handle.query("insert into t values (1); commit")).rejects.toThrow(/ended its transaction/);
    await expect(handle.query("select 1")).rejects.toThrow(RolledBackError);
    expect(client.sent.length).toBe(0);
  });

  it("remembers the first error, caught or not, and passes every one on", async () => {
    const { client, handle } = open();
    const [first, second] = [new Error("first"), new Error("second")];
    client.fails = first;
    await expect(handle.query("select 1")).rejects.toBe(first);
    client.fails = second;
    await expect(handle.query("select 1")).rejects.toBe(second);
    expect(handle.firstError).toBe(first);
    expect(handle.spoiled).toBeUndefined();
  });

  it("sends nothing once it is closed, not even a stream", async () => {
    const { client, handle } = open();
    handle.close();
    await expect(handle.query("select 1")).rejects.toThrow(TypeError);
    expect(() => handle.query({ submit: () => {} })).toThrow(/handle was used after the work returned/);
    expect(client.sent).toEqual([]);
  });

  it("hands a stream to the client and back to the work as it is", () => {
    const { client, handle } = open();
    const stream = { submit: (): void => {} };
    client.query = (...given) => {
      client.sent.push(given);
      return given[0] as Promise<PgResult>;
    };
    expect(handle.query(stream)).toBe(stream);
    expect(client.sent).toEqual([[stream]]);
  });
});
