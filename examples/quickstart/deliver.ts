import type { Plan, Step } from "./deliveries.js";
import { ENGINES, type EngineName } from "./engines.js";
import type { Answer, Service, ServiceName } from "./service.js";
import { Workers } from "./workers.js";

/** A service, and the database that it works on. */
export interface Place {
  readonly engine: EngineName;
  readonly name: ServiceName;
  readonly url: string;
}

/** What the clients saw. */
export interface Answers {
  readonly byCharge: ReadonlyMap<string, readonly Answer[]>;
  /** Workers that SIGKILL ended. */
  readonly killed: number;
  readonly durationMs: number;
}

/** Instances of the service, each with connections of its own, as behind a load balancer. */
const INSTANCES = 4;
const CONNECTIONS_EACH = 5;
/** Steps under way at a time. */
const LANES = 8;

/** Delivers the plan to the service, step by step. */
export async function deliver(
  plan: Plan,
  place: Place,
  progress: (delivered: number) => void,
): Promise<Answers> {
  const startedAt = performance.now();
  const { engine, name, url } = place;
  const instances = Array.from({ length: INSTANCES }, () =>
    ENGINES[engine].open(name, url, { connections: CONNECTIONS_EACH }),
  );
  const workers = new Workers(plan.mix.killed);
  const byCharge = new Map<string, Answer[]>(plan.charges.map(({ id }) => [id, []]));
  let delivered = 0;

  const take = async (step: Step): Promise<void> => {
    if (step.type === "death") {
      await workers.killAt({ ...place, delivery: step.charge, at: step.at });
    } else {
      byCharge.get(step.charge.id)?.push(...(await burst(instances, delivered, step)));
    }
    delivered += step.type === "death" ? 1 : step.copies;
    progress(delivered);
  };

  try {
    await inLanes(plan.steps, take);
    return { byCharge, killed: await workers.killed(), durationMs: performance.now() - startedAt };
  } finally {
    await workers.stop();
    await Promise.all(instances.map((instance) => instance.close()));
  }
}

/** All copies at once, each to another instance. */
function burst(
  instances: readonly Service[],
  turn: number,
  { charge, copies }: Extract<Step, { type: "burst" }>,
): Promise<Answer[]> {
  return Promise.all(
    Array.from({ length: copies }, (_, copy) => {
      const instance = instances[(turn + copy) % instances.length];
      if (instance === undefined) throw new Error("there is no instance of the service");
      return instance.handle(charge);
    }),
  );
}

/** Takes the steps in their order, several at a time; those of one charge wait for each other. */
async function inLanes(steps: readonly Step[], take: (step: Step) => Promise<void>): Promise<void> {
  const previous = new Map<string, Promise<void>>();
  const queue = steps.values();
  const lane = async (): Promise<void> => {
    for (const step of queue) {
      const { id } = step.charge;
      const taken = (previous.get(id) ?? Promise.resolve()).then(() => take(step));
      previous.set(id, taken);
      await taken;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
