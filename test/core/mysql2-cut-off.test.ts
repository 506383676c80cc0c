import { expect, it } from "vitest";
import type { MysqlPoolLike } from "../../src/adapters/mysql2/client.js";
import { createLedger } from "../../src/adapters/mysql2/index.js";
import { OutcomeUnknownError, RolledBackError } from "../../src/index.js";

// A node that loses its cluster refuses every statement, wherever in a transaction it stands.

class ResultSetHeader {
  readonly affectedRows = 1;
  readonly serverStatus = 3;
}

type Answer = readonly unknown[] | number;
type Callback = (error: Error | null, result?: unknown) => void;

/** A pool whose connections answer each statement as the script says: with result sets, or with an error's number. */
function scripted(answers: readonly Answer[]): {
  pool: MysqlPoolLike;
  sent: string[];
  destroyed: () => number;
} {
  const left = [...answers];
  const sent: string[] = [];
  let destroyed = 0;
  const send = ({ sql }: { sql: string }, done: Callback): void => {
    sent.push(sql);
    const answer = left.shift() ?? 1047;
    if (typeof answer === "number") {
      const message = answer === 1180 ? "Got error 6 during COMMIT" : "WSREP has not yet prepared node";
      done(Object.assign(new Error(message), { errno: answer, sqlState: "08S01" }));
    } else {
      done(null, [...answer, new ResultSetHeader()]);
    }
  };
  const connection = (): object => ({
    _handshakePacket: { serverVersion: "10.11.19-MariaDB" },
    query: send,
    execute: send,
    on: () => undefined,
    release: () => undefined,
    destroy: () => {
      destroyed += 1;
    },
  });
  const pool = { getConnection: (done: (error: null, found: object) => void) => done(null, connection()) };
  return { pool: pool as unknown as MysqlPoolLike, sent, destroyed: () => destroyed };
}

const CLAIMED = [[{ opledger_met: 0, opledger_affected: 1 }]];
const backoff = { baseMs: 0, capMs: 0, attemptsMax: 4 };

async function run(answers: readonly Answer[]): Promise<{ error: unknown } & ReturnType<typeof scripted>> {
  const script = scripted(answers);
  const ledger = createLedger(script.pool, { backoff, storeError: () => "recorded" });
  const call = ledger.once({ operation: "pay", key: "k-1" }, async (tx) => {
    await tx.execute("INSERT INTO payments VALUES (1)");
    return 1;
  });
  return { ...script, error: await call.catch((thrown: unknown) => thrown) };
}

it("in the midst of a transaction: tried again on another connection, and neither raw nor recorded", async () => {
  const { error, sent, destroyed } = await run([CLAIMED, 1047]);
  expect(error).toBeInstanceOf(RolledBackError);
  expect((error as RolledBackError).message).toContain("takes no statements");
  expect(sent.filter((sql) => sql.includes("START TRANSACTION")).length).toBe(2);
  expect(sent.filter((sql) => sql.includes("UPDATE"))).toEqual([]);
  // The second one refused its ROLLBACK too.
  expect(destroyed()).toBe(2);
});

it("at the beginning: refused at once", async () => {
  const { error, sent } = await run([1047]);
  expect(error).toBeInstanceOf(RolledBackError);
  expect(sent.filter((sql) => sql.includes("START TRANSACTION")).length).toBe(1);
});

it("during COMMIT: the outcome is unknown, and stays so while the node refuses", async () => {
  const { error, sent } = await run([CLAIMED, [[]], 1180, [[]]]);
  expect(error).toBeInstanceOf(OutcomeUnknownError);
  expect(sent.filter((sql) => sql.includes("START TRANSACTION")).length).toBe(backoff.attemptsMax);
});
