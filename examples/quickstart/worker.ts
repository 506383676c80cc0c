import { Socket } from "node:net";
import pg from "pg";
import type { Charge, DeathPoint } from "./deliveries.js";
import { SERVICES, type ServiceName } from "./payments.js";

// A worker process of the payment service. It takes one delivery, stops at the point where it is to die, says so, and
// waits there for the SIGKILL of its parent. It never answers the delivery.

export interface Order {
  readonly service: ServiceName;
  readonly url: string;
  readonly delivery: Charge;
  readonly at: DeathPoint;
}

/** `ready`: takes an order. `dying`: stands at its point of death. */
export type Report = "ready" | "dying";

function report(what: Report): void {
  process.send?.(what);
}

type Written = (error?: Error | null) => void;

/** A connection that goes deaf as COMMIT leaves, so that the server's answer is never read. */
class DeafSocket extends Socket {
  // Not `write`: connecting resets that to the socket's own.
  override _write(bytes: Buffer, encoding: BufferEncoding, written: Written): void {
    super._write(bytes, encoding, this.#deafBy([bytes], written));
  }

  override _writev(given: { chunk: Buffer; encoding: BufferEncoding }[], written: Written): void {
    const chunks = given.map(({ chunk }) => chunk);
    super._writev?.(given, this.#deafBy(chunks, written));
  }

  #deafBy(chunks: readonly Buffer[], written: Written): Written {
    if (!chunks.some((bytes) => bytes.includes("COMMIT\0"))) return written;
    this.pause();
    return (error) => {
      written(error);
      report("dying");
    };
  }
}

async function work({ service, url, delivery, at }: Order): Promise<void> {
  const stream = (): Socket => (at === "during-commit" ? new DeafSocket() : new Socket());
  const pool = new pg.Pool({ connectionString: url, max: 1, stream });
  const effectDone = (): Promise<void> =>
    at === "during-commit"
      ? Promise.resolve()
      : new Promise(() => {
          report("dying");
        });
  await SERVICES[service](pool).handle(delivery, effectDone);
  throw new Error("the worker outlived its delivery");
}

process.once("message", (order: Order) => {
  work(order).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
// The parent is gone, in whatever way.
process.once("disconnect", () => process.exit(1));
report("ready");
