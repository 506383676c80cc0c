import { SWEEP_BATCH_MAX, type SweepProgress } from "../../core/retention.js";
import { type CliCommand, type DatabaseFlags, defineCommand, type Report, wholeNumber } from "../command.js";
import { withDatabase } from "../database/open.js";
import { count, rate } from "../format.js";
import { progress } from "../progress.js";

interface SweepFlags extends DatabaseFlags {
  readonly batch?: number;
  readonly limit?: number;
  readonly rate?: number;
  readonly dryRun?: boolean;
}

const RATE_MAX = 10_000_000;

export const sweep: CliCommand = defineCommand<SweepFlags>({
  path: "sweep",
  summary: "remove operations that are past their retention",
  details: `
Removes in small batches that skip locked rows, so it may run beside the application, and beside itself. A key past its
retention counts as unseen whether or not it was swept: sweeping only frees space.`,
  examples: [
    ["opledger sweep", "remove all that has expired"],
    ["opledger sweep --rate 2000 --limit 100000 --json", "from cron, gently"],
  ],
  database: true,
  shape: (command) =>
    command
      .option("--batch <rows>", "rows per statement (default: 1000)", wholeNumber(1, SWEEP_BATCH_MAX))
      .option("--limit <rows>", "rows at the most (default: all that have expired)", wholeNumber(1))
      .option("--rate <rows>", "rows per second at the most", wholeNumber(1, RATE_MAX))
      .option("--dry-run", "count what would be removed"),
  run: ({ options, io }) =>
    withDatabase(io, options, async ({ ledger, names, ledgerName }) => {
      const startedAt = performance.now();
      const { batch, limit } = options;
      const expired = async (): Promise<number> =>
        (await ledger(names).stats()).reduce((sum, each) => sum + each.expired, 0);
      if (options.dryRun === true)
        return wouldRemove(Math.min(await expired(), limit ?? Infinity), ledgerName);
      // Counting reads the whole ledger, so it is done only for a bar that somebody sees.
      const total = io.interactive ? Math.min(await expired(), limit ?? Infinity) : undefined;
      const shown = progress(io, "swept", total);
      const onProgress = async (swept: SweepProgress): Promise<void> => {
        shown.update(swept.removed);
        await pace(swept.removed, startedAt, options.rate);
      };
      try {
        const swept = await ledger(names).sweep({ batch, limit, onProgress });
        const durationMs = Math.round(performance.now() - startedAt);
        return {
          data: { ...swept, durationMs },
          text: (style) =>
            `${style.green("✔")} removed ${count(swept.removed, "expired operation")} from ${ledgerName}` +
            (swept.removed === 0
              ? ""
              : style.dim(
                  ` (${count(swept.batches, "batch", "batches")}, ${rate(swept.removed, durationMs)})`,
                )),
        };
      } finally {
        shown.stop();
      }
    }),
});

function wouldRemove(expired: number, ledgerName: string): Report {
  return {
    data: { removed: 0, wouldRemove: expired },
    text: () => `would remove ${count(expired, "expired operation")} from ${ledgerName}`,
  };
}

/** Waits until so many rows would have taken this long at the rate asked for. */
async function pace(removed: number, startedAt: number, rowsPerSecond: number | undefined): Promise<void> {
  if (rowsPerSecond === undefined) return;
  const earlyMs = (removed / rowsPerSecond) * 1_000 - (performance.now() - startedAt);
  if (earlyMs > 0) await new Promise((resolve) => setTimeout(resolve, earlyMs));
}
