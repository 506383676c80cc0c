import { isRetryable, show } from "../check.js";
import { type LoadTask, loadCall } from "../load.js";
import type { Opened } from "../target.js";
import { targetOfName } from "../targets/index.js";

let opened: Opened<unknown> | undefined;

process.on("message", ({ target: wanted, url, key }: LoadTask) => {
  const target = targetOfName(wanted);
  opened ??= target.open(url, { waitMs: 1_500, responseMs: 800, workTimeoutMs: 2_000 });
  loadCall(opened, key).then(
    (outcome) => process.send?.({ key, outcome }),
    (error: unknown) => process.send?.({ key, error: show(error), retryable: isRetryable(error) }),
  );
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
