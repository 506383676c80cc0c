import { isRetryable, show } from "../check.js";
import { type LoadTask, loadCall } from "../load.js";
import type { Opened, Target } from "../target.js";
import { pgTarget } from "../targets/pg.js";

const TARGETS: readonly Target[] = [pgTarget];

let opened: Opened<unknown> | undefined;

process.on("message", ({ target: wanted, url, key }: LoadTask) => {
  const target = TARGETS.find(({ name }) => name === wanted);
  if (target === undefined) throw new Error(`no target ${wanted}`);
  opened ??= target.open(url, { waitMs: 1_500, responseMs: 800, workTimeoutMs: 2_000 });
  loadCall(opened, key).then(
    (outcome) => process.send?.({ key, outcome }),
    (error: unknown) => process.send?.({ key, error: show(error), retryable: isRetryable(error) }),
  );
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
