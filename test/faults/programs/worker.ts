import { SCENARIOS } from "../scenarios.js";
import type { Target } from "../target.js";
import { pgTarget } from "../targets/pg.js";

/** What the parent asks a worker to run, and dies under. */
export interface Task {
  readonly target: string;
  readonly url: string;
  readonly scenario: string;
  readonly n: number;
}

const TARGETS: readonly Target[] = [pgTarget];

process.on("message", (task: Task) => {
  const target = TARGETS.find(({ name }) => name === task.target);
  const scenario = SCENARIOS.find(({ name }) => name === task.scenario);
  if (target === undefined || scenario === undefined)
    throw new Error(`no such task: ${JSON.stringify(task)}`);
  const opened = target.open(task.url);
  scenario.run(opened, task.n).then(
    () => process.send?.("done"),
    (error: unknown) => process.send?.(`failed: ${String(error)}`),
  );
});
process.send?.("ready");
