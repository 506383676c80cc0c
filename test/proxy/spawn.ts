import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ProxyOptions, Target } from "./proxy.js";

export interface ProxyProcess {
  readonly host: string;
  readonly port: number;
  /** As {@link FaultProxy.roundTrips}. */
  roundTrips(): Promise<number>;
  resetCounters(): Promise<void>;
  close(): Promise<void>;
}

/** Starts process.ts as a child that ends with this process at the latest. */
export async function startProxyProcess(target: Target, options: ProxyOptions = {}): Promise<ProxyProcess> {
  const program = fileURLToPath(new URL("process.ts", import.meta.url));
  const child = fork(
    program,
    [
      ...["--target", `${target.host}:${target.port}`],
      ...["--delay", String(options.delayMs ?? 0)],
      ...["--protocol", options.protocol ?? "postgres"],
    ],
    { execArgv: ["--import", "tsx"], stdio: ["ignore", "ignore", "inherit", "ipc"] },
  );
  const address: Target = await answer(child);
  // A forgotten proxy must not keep a benchmark from ending.
  child.unref();
  child.channel?.unref();
  const ask = async (question: "roundTrips" | "resetCounters"): Promise<number> => {
    child.channel?.ref();
    child.send(question);
    const { roundTrips } = await answer<{ roundTrips: number }>(child);
    child.channel?.unref();
    return roundTrips;
  };
  return {
    host: address.host,
    port: address.port,
    roundTrips: () => ask("roundTrips"),
    async resetCounters() {
      await ask("resetCounters");
    },
    async close() {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, "exit");
        child.ref();
        child.kill("SIGTERM");
        await exited;
      }
    },
  };
}

async function answer<T>(child: ChildProcess): Promise<T> {
  const early = new AbortController();
  try {
    return await Promise.race([
      once(child, "message", { signal: early.signal }).then(([message]: unknown[]) => message as T),
      once(child, "exit", { signal: early.signal }).then(([code]: unknown[]): never => {
        throw new Error(`the proxy process ended with code ${String(code)}`);
      }),
    ]);
  } finally {
    early.abort();
  }
}
