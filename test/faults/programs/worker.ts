import { SCENARIOS } from "../scenarios.js";
import { targetOfName } from "../targets/index.js";

/** What the parent asks a worker to run, and dies under. */
export interface Task {
  readonly target: string;
  readonly url: string;
  readonly scenario: string;
  readonly n: number;
}

process.on("message", (task: Task) => {
  const target = targetOfName(task.target);
  const scenario = SCENARIOS.find(({ name }) => name === task.scenario);
  if (scenario === undefined) throw new Error(`no such task: ${JSON.stringify(task)}`);
  const opened = target.open(task.url);
  scenario.run(opened, task.n).then(
    () => process.send?.("done"),
    (error: unknown) => process.send?.(`failed: ${String(error)}`),
  );
});
process.send?.("ready");
