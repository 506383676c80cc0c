import { describe, expect, it } from "vitest";
import { VersionConflictError } from "../../src/core/errors.js";
import { settle } from "../faults/check.js";
import { ask, type Client } from "./client.js";
import { expectOnce, fresh, gate, type Lab, onEachNode, three, until, withClients } from "./lab.js";

const ROUNDS = 25;

/** Which tests a row belongs to, so that they do not meet on it. */
const ROW = { statement: 21, swallowed: 22, locked: 23, skew: 24, hot: 30, versioned: 31, read: 32 } as const;

function retries({ events }: Client, reason: string): number {
  return events.filter((event) => event.type === "retried" && event.reason === reason).length;
}

const balance = "SELECT balance FROM accounts WHERE id = ?";

/** Two nodes find out at COMMIT, or at the next statement, that they wrote the same. */
export function conflicts(lab: () => Lab): void {
  const run = <T>(body: (clients: readonly [Client, Client, Client]) => Promise<T>): Promise<T> =>
    withClients(lab(), body);

  describe("certification", () => {
    it("lets one of two nodes have a key that both have claimed", () =>
      run(async ([a, b]) => {
        for (let round = 0; round < ROUNDS; round++) {
          const { n, ref } = fresh();
          const both = gate(2);
          const call = (client: Client): Promise<{ status: string; value: unknown }> =>
            client.ledger.once(ref, async (tx) => {
              await client.effect(tx, n);
              await both();
              return { n };
            });
          const ended = await Promise.all([call(a), call(b)]);
          lab().tally.operations += 2;
          expect(ended.map(({ status }) => status).sort()).toEqual(["executed", "replayed"]);
          expect(ended.map(({ value }) => value)).toEqual([{ n }, { n }]);
          if (round === 0) await expectOnce(lab(), n);
        }
        expect(retries(a, "conflict") + retries(b, "conflict")).toBeGreaterThanOrEqual(ROUNDS);
      }));

    it("is told to the loser's next statement, a SELECT, and the whole work runs again", () =>
      run(async ([a]) => {
        const { n, ref } = fresh();
        const seen: unknown[] = [];
        const ended = await a.ledger.once(ref, async (tx) => {
          await a.effect(tx, n);
          await tx.execute("UPDATE accounts SET balance = balance + 1 WHERE id = ?", [ROW.statement]);
          if (seen.length === 0) {
            await overtake(lab(), ROW.statement);
            try {
              await tx.query("SELECT 1");
            } catch (error) {
              seen.push((error as { errno?: unknown }).errno);
              throw error;
            }
          }
          return { n };
        });
        lab().tally.operations += 1;
        expect(seen).toEqual([1213]);
        expect(ended.status).toBe("executed");
        expect(retries(a, "conflict")).toBe(1);
        await expectOnce(lab(), n);
        // Its own, and the one that overtook it.
        expect(await onEachNode(lab(), (witness) => witness.counted(ROW.statement))).toEqual([11, 11, 11]);
      }));

    it("cannot be swallowed: nothing of the work is kept, and the same key runs again", () =>
      run(async ([a]) => {
        const { n, ref } = fresh();
        let overtaken = false;
        const call = (): Promise<unknown> =>
          a.ledger.once(ref, async (tx) => {
            await tx.execute("UPDATE accounts SET balance = balance + 1 WHERE id = ?", [ROW.swallowed]);
            if (!overtaken) {
              overtaken = true;
              await overtake(lab(), ROW.swallowed);
              await tx.query("SELECT 1").catch(() => {});
              await a.effect(tx, n).catch(() => {});
              return { swallowed: true };
            }
            await a.effect(tx, n);
            return { swallowed: false };
          });
        const first = await settle(call());
        expect(first).toMatchObject({ ok: false, error: { code: "OPLEDGER_ROLLED_BACK", retryable: true } });
        expect(await onEachNode(lab(), (witness) => witness.applied(n))).toEqual([0, 0, 0]);
        expect(await call()).toMatchObject({ status: "executed", value: { swallowed: false } });
        lab().tally.operations += 2;
        await expectOnce(lab(), n);
      }));

    it("keeps every increment of one row by three nodes, single and in batches", () =>
      run(async (clients) => {
        const write = { table: "accounts", where: { id: ROW.hot }, by: { balance: 1n } };
        const one = (client: Client): Promise<unknown> =>
          client.ledger.operation(fresh().ref).increment(write);
        const batch = async (client: Client): Promise<void> => {
          const many = Array.from({ length: 3 }, () => ({ ...fresh().ref, ...write }));
          const outcomes = await client.ledger.incrementMany(many);
          expect(outcomes.map(({ status }) => status)).toEqual(["executed", "executed", "executed"]);
        };
        for (let round = 0; round < ROUNDS; round++) {
          await Promise.all(clients.map((client) => (round % 5 === 0 ? batch(client) : one(client))));
        }
        const added = 3 * (ROUNDS / 5) * 3 + 3 * (ROUNDS - ROUNDS / 5);
        lab().tally.operations += added;
        expect(await onEachNode(lab(), (witness) => witness.counted(ROW.hot))).toEqual([added, added, added]);
      }));
  });

  describe("locks", () => {
    it("by FOR UPDATE do not reach other nodes, and no update of the locked row is lost", () =>
      run(async ([a, b]) => {
        const both = gate(2);
        const add = (client: Client): Promise<{ status: string }> =>
          client.ledger.once(fresh().ref, async (tx) => {
            const [rows] = await tx.execute<{ balance: number }[]>(`${balance} FOR UPDATE`, [ROW.locked]);
            // Both hold the lock here, which they could not on one server.
            await both();
            const next = Number(rows[0]?.balance) + 1;
            await tx.execute("UPDATE accounts SET balance = ? WHERE id = ?", [next, ROW.locked]);
            return next;
          });
        const ended = await Promise.all([add(a), add(b)]);
        lab().tally.operations += 2;
        expect(ended.map(({ status }) => status)).toEqual(["executed", "executed"]);
        expect(await onEachNode(lab(), (witness) => witness.counted(ROW.locked))).toEqual([2, 2, 2]);
      }));

    it("on a row that is only read protect nothing, as the guide warns", () =>
      run(async ([a, b]) => {
        const both = gate(2);
        const spend = (client: Client, id: number): Promise<{ value: unknown }> =>
          client.ledger.once(fresh().ref, async (tx) => {
            const [rows] = await tx.execute<{ balance: number }[]>(`${balance} FOR UPDATE`, [ROW.skew]);
            await both();
            await tx.execute("UPDATE accounts SET balance = balance - 1 WHERE id = ?", [id]);
            return Number(rows[0]?.balance);
          });
        const ended = await Promise.all([spend(a, ROW.skew + 1), spend(b, ROW.skew + 2)]);
        lab().tally.operations += 2;
        expect(ended.map(({ value }) => value)).toEqual([100, 100]);
        expect(retries(a, "conflict") + retries(b, "conflict")).toBe(0);
      }));
  });

  describe("reads that wait for other nodes", () => {
    it("let exactly one of three compare-and-sets win, round after round", () =>
      withClients(
        lab(),
        async (clients) => {
          for (let version = 0; version < ROUNDS; version++) {
            const ended = await Promise.all(
              clients.map(({ ledger }) =>
                settle(
                  ledger
                    .operation(fresh().ref)
                    .update({ table: "accounts", where: { id: ROW.versioned }, version, set: { n: 0 } }),
                ),
              ),
            );
            lab().tally.operations += 3;
            expect(ended.filter(({ ok }) => ok).length).toBe(1);
            for (const each of ended) if (!each.ok) expect(each.error).toBeInstanceOf(VersionConflictError);
          }
        },
        lab().caughtUp,
      ));

    it("show `once` on one node what another has just committed", () =>
      withClients(
        lab(),
        async (clients) => {
          const increment = { table: "accounts", where: { id: ROW.read }, by: { balance: 1n } };
          for (let round = 1; round <= ROUNDS; round++) {
            const [writer, reader] = three([...clients.slice(round % 3), ...clients.slice(0, round % 3)]);
            await writer.ledger.operation(fresh().ref).increment(increment);
            const { value } = await reader.ledger.once(fresh().ref, async (tx) => {
              const [rows] = await tx.execute<{ balance: number }[]>(balance, [ROW.read]);
              return Number(rows[0]?.balance);
            });
            lab().tally.operations += 2;
            expect(value).toBe(100 + round);
          }
        },
        lab().caughtUp,
      ));
  });
}

/** Commits an update of the row on another node, and waits until it has reached the first. */
async function overtake({ cluster }: Lab, id: number): Promise<void> {
  const [a, b] = three(cluster.nodes);
  await ask(b, "UPDATE accounts SET balance = balance + 10 WHERE id = ?", [id]);
  await until("the update of the other node", async () => {
    const [row] = await ask<{ balance: number }>(a, balance, [id]);
    return Number(row?.balance) === 110;
  });
}
