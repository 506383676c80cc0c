import { ERASE_BATCH_MAX } from "../../core/retention.js";
import { ask } from "../ask.js";
import { type CliCommand, type DatabaseFlags, defineCommand, wholeNumber } from "../command.js";
import { withDatabase } from "../database/open.js";
import { CliError, EXIT } from "../exit.js";
import { count } from "../format.js";
import type { Io } from "../io.js";
import { progress } from "../progress.js";

interface ForgetFlags extends DatabaseFlags {
  readonly scope: string;
  readonly batch?: number;
  readonly yes?: boolean;
}

export const forget: CliCommand = defineCommand<ForgetFlags>({
  path: "forget",
  summary: "erase what the operations of one scope stored",
  details: `
Removes the stored results for good, e.g. when a customer asks for it, and keeps the rows, so that no operation is ever
executed a second time: a replay throws StoredResultErasedError. Scope, operation and key stay readable until the rows'
retention ends. Asks first on a terminal; elsewhere it needs --yes.`,
  examples: [
    ["opledger forget --scope customer-7", "asks, then erases"],
    ["opledger forget --scope customer-7 --yes --json", "in a script"],
  ],
  database: true,
  shape: (command) =>
    command
      .requiredOption("--scope <scope>", "the client, tenant or user whose results are erased")
      .option("--batch <rows>", "rows per statement (default: 1000)", wholeNumber(1, ERASE_BATCH_MAX))
      .option("--yes", "do not ask"),
  run: ({ options, io }) =>
    withDatabase(io, options, async ({ ledger, names, ledgerName }) => {
      const { scope, batch } = options;
      if (options.yes !== true) await agreed(io, scope, ledgerName);
      const shown = progress(io, "erased", undefined);
      try {
        const { erased } = await ledger(names).erase({
          scope,
          batch,
          onProgress: ({ erased }) => shown.update(erased),
        });
        return {
          data: { scope, erased },
          text: (style) =>
            `${style.green("✔")} erased ${count(erased, "result")} of ${scope} in ${ledgerName}`,
        };
      } finally {
        shown.stop();
      }
    }),
});

async function agreed(io: Io, scope: string, ledgerName: string): Promise<void> {
  const message = `Erase every stored result of ${scope} in ${ledgerName}? This cannot be undone.`;
  if (!io.interactive) {
    throw new CliError(EXIT.usage, "There is no terminal to ask on. Nothing was erased.", {
      hint: "add --yes",
    });
  }
  await ask(message, false, "Nothing was erased.");
}
