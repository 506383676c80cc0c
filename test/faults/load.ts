import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { OperationRef } from "../../src/core/operation.js";
import type { Opened } from "./target.js";

export const COUNTERS = 4;

/** What a key does is the key's own, so that every duplicate does the same. */
export function loadRef(key: number): OperationRef {
  return { operation: `load-${key % 4}`, key: `key-${key}` };
}

export function counterOf(key: number): number {
  return 10 + (Math.floor(key / 4) % COUNTERS);
}

export async function loadCall(
  opened: Pick<Opened<unknown>, "ledger" | "effect">,
  key: number,
): Promise<unknown> {
  const ref = loadRef(key);
  const increment = { table: "accounts", where: { id: counterOf(key) }, by: { balance: 1n } };
  switch (key % 4) {
    case 0:
      return opened.ledger.operation(ref).increment(increment);
    case 1:
      return opened.ledger
        .operation(ref)
        .insert({ into: "effects", values: { n: 1_000 + key, note: "load" } });
    case 2:
      return opened.ledger.once(ref, async (tx) => {
        await opened.effect(tx, 1_000 + key);
        return { key };
      });
    default: {
      const pair = [ref, { ...ref, key: `${ref.key}-b` }];
      return opened.ledger.incrementMany(pair.map((each) => ({ ...each, ...increment })));
    }
  }
}

/** What a load worker is asked, and what it says. */
export interface LoadTask {
  readonly target: string;
  readonly url: string;
  readonly key: number;
}
export interface LoadAnswer {
  readonly key: number;
  readonly outcome?: unknown;
  readonly error?: string;
  /** Whether the error is one of opledger's own that says to try again. */
  readonly retryable?: boolean;
}

/** The process was killed while it ran a call, or the call ended in an error that may be tried again. */
export class ClientKilled extends Error {}

/** A process that runs one call at a time, and can be killed at any moment. */
export class LoadClient {
  #child: ChildProcess | undefined;

  kill(): boolean {
    return this.#child?.kill("SIGKILL") ?? false;
  }

  async run(task: LoadTask): Promise<unknown> {
    this.#child ??= await this.#start();
    const child = this.#child;
    const exited = new AbortController();
    try {
      child.send(task);
      const said = once(child, "message", { signal: exited.signal }) as Promise<[LoadAnswer]>;
      const died = once(child, "exit", { signal: exited.signal }).then(([code, signal]: unknown[]): never => {
        if (signal === "SIGKILL") throw new ClientKilled("the client was killed");
        throw new Error(`a fault ended the client process with ${String(signal ?? code)}`);
      });
      const [{ outcome, error, retryable }] = await Promise.race([said, died]);
      if (error !== undefined) throw retryable ? new ClientKilled(error) : new Error(error);
      return outcome;
    } catch (error) {
      if (child.exitCode !== null || child.signalCode !== null) this.#child = undefined;
      // The message could not be sent to a process that had just been killed.
      throw child.signalCode === "SIGKILL" ? new ClientKilled(String(error)) : error;
    } finally {
      exited.abort();
    }
  }

  async #start(): Promise<ChildProcess> {
    const program = fileURLToPath(new URL("programs/load-worker.ts", import.meta.url));
    const child = fork(program, [], { execArgv: ["--import", "tsx"], serialization: "advanced" });
    child.on("error", () => {});
    await once(child, "message");
    return child;
  }
}
