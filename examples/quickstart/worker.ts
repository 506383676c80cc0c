import type { Place } from "./deliver.js";
import type { Charge, DeathPoint } from "./deliveries.js";
import { ENGINES } from "./engines.js";

// A worker process of the payment service. It takes one delivery, stops at the point where it is to die, says so, and
// waits there for the SIGKILL of its parent. It never answers the delivery.

export interface Order extends Place {
  readonly delivery: Charge;
  readonly at: DeathPoint;
}

/** `ready`: takes an order. `dying`: stands at its point of death. */
export type Report = "ready" | "dying";

function report(what: Report): void {
  process.send?.(what);
}

async function work({ engine, name, url, delivery, at }: Order): Promise<void> {
  const dying = (): void => report("dying");
  const service = ENGINES[engine].open(name, url, {
    connections: 1,
    ...(at === "during-commit" && { deafFromCommit: dying }),
  });
  const effectDone = (): Promise<void> => (at === "during-commit" ? Promise.resolve() : new Promise(dying));
  await service.handle(delivery, effectDone);
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
