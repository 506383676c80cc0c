import { setTimeout as sleep } from "node:timers/promises";
import type { CommonOptions } from "../../../src/core/options.js";
import type { Ledger } from "../../../src/index.js";
import { check, codeOf, same } from "./assert.js";

/** What every engine's bench has. */
export interface CommonBench {
  /** A ledger on a pool of its own, as another process has it. */
  ledger(options?: CommonOptions): Ledger<Querying>;
  /** One whose connection is cut at the COMMIT: before the server sees it, or after it has answered. */
  cutAtCommit(side: "client" | "server", options?: CommonOptions): Promise<Ledger<Querying>>;
  key(): { operation: string; key: string };
  number(sql: string): Promise<number>;
}

interface Querying {
  query(sql: string): Promise<unknown>;
}

export const effects = ({ number }: Pick<CommonBench, "number">, n: number): Promise<number> =>
  number(`select count(*) from effects where n = ${n}`);

export function statuses(ends: readonly PromiseSettledResult<{ status: string }>[]): string[] {
  return ends.map((end) => (end.status === "fulfilled" ? end.value.status : String(end.reason))).sort();
}

/** How two runs of one operation end. */
export const BOTH: readonly string[] = ["executed", "replayed"];

/** Short, sharp cases, one per promise that a mutant breaks, where every engine keeps it in the same words. */
export const COMMON_CASES: Readonly<Record<string, (bench: CommonBench) => Promise<void>>> = {
  "two processes, one key": async (bench) => {
    const [a, b, ref] = [bench.ledger(), bench.ledger(), bench.key()];
    const run = (each: typeof a): Promise<{ status: string }> =>
      each.once(ref, async (tx) => {
        await tx.query("insert into effects (n) values (1)");
        await sleep(60);
      });
    same("ends", statuses(await Promise.allSettled([run(a), run(b)])), BOTH);
    same("effects", await effects(bench, 1), 1);
  },

  "a handle that outlives its work": async (bench) => {
    let late: (() => Promise<unknown>) | undefined;
    await bench.ledger().once(bench.key(), (tx) => {
      late = () => tx.query("insert into effects (n) values (41)");
    });
    check("refused", (await codeOf(late?.() ?? Promise.resolve())).startsWith("TypeError"));
    same("effects", await effects(bench, 41), 0);
  },

  "the connection is cut before COMMIT arrives": async (bench) => {
    const events: string[] = [];
    const a = await bench.cutAtCommit("client", { onEvent: ({ type }) => events.push(type) });
    const { status } = await a.once(bench.key(), async (tx) => {
      await tx.query("insert into effects (n) values (50)");
    });
    same("status", status, "executed");
    same("effects", await effects(bench, 50), 1);
    check("unknown, then resolved", events.includes("unknown") && events.includes("resolved"));
    const b = await bench.cutAtCommit("client", { backoff: { attemptsMax: 1 } });
    same("given up", await codeOf(b.once(bench.key(), () => 1)), "OPLEDGER_OUTCOME_UNKNOWN");
  },

  "the connection is cut after COMMIT": async (bench) => {
    const [a, ref] = [await bench.cutAtCommit("server"), bench.key()];
    const run = (): Promise<{ status: string }> =>
      a.once(ref, async (tx) => {
        await tx.query("insert into effects (n) values (60)");
      });
    same("call", (await run()).status, "replayed");
    same("again", (await run()).status, "replayed");
    same("effects", await effects(bench, 60), 1);
  },

  retention: async ({ ledger, key }) => {
    const [a, once, write, kept] = [ledger({ retentionMs: 20 }), key(), key(), key()];
    const run = async (): Promise<string[]> => [
      (await a.once(once, () => 1)).status,
      (await a.operation(write).insert({ into: "effects", values: { n: 80 } })).status,
    ];
    same("first", await run(), ["executed", "executed"]);
    await ledger().once(kept, () => 1);
    await sleep(40);
    same("expired", await run(), ["executed", "executed"]);
    await a.sweep();
    check("kept", (await a.inspect(kept)) !== undefined);
  },
};
