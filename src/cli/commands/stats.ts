import type { OperationStats } from "../../core/dialect.js";
import { type CliCommand, type DatabaseFlags, defineCommand } from "../command.js";
import { withDatabase } from "../database/open.js";
import { runningTransactions } from "../database/running.js";
import { bytes, columns, count, number, span } from "../format.js";
import type { Style } from "../io.js";

export const stats: CliCommand = defineCommand<DatabaseFlags>({
  path: "stats",
  summary: "count what the ledger holds, per operation",
  details: `
expired counts what a sweep would remove, expiring what joins it within a day. unfinished counts claims that were
committed without a result, whose keys are blocked (MySQL, MariaDB and SQLite only). The whole ledger is read.`,
  examples: [
    ["opledger stats", "a table, for people"],
    ["opledger stats --json", "for a dashboard"],
  ],
  database: true,
  run: ({ options, io }) =>
    withDatabase(io, options, async (database) => {
      const { ledger, names, ledgerName } = database;
      const operations = await ledger(names).stats();
      const inProgress = await runningTransactions(database);
      return {
        data: { ledger: ledgerName, inProgress, operations },
        text: (style) => table(operations, inProgress, ledgerName, style),
      };
    }),
});

const HEAD = ["operation", "executed", "failed", "unfinished", "expired", "expiring", "oldest", "results"];
const NUMBERS = [1, 2, 3, 4, 5, 6, 7];

function table(
  operations: readonly OperationStats[],
  inProgress: number | null,
  ledgerName: string,
  style: Style,
): string {
  const running = inProgress === null ? "" : `, ${count(inProgress, "transaction")} in progress`;
  if (operations.length === 0) return `${ledgerName} is empty${running}`;
  const rows = operations.map((each) => [
    each.operation,
    number(each.completed),
    each.failed === 0 ? "0" : style.yellow(number(each.failed)),
    each.unfinished === 0 ? "0" : style.red(number(each.unfinished)),
    number(each.expired),
    number(each.expiring),
    span(Date.now() - each.oldest.getTime()),
    bytes(each.resultBytes),
  ]);
  const total = operations.reduce((sum, each) => sum + each.completed + each.failed + each.unfinished, 0);
  const heading = HEAD.map((name) => style.dim(name));
  return `${columns([heading, ...rows], NUMBERS)}\n\n${ledgerName}: ${count(total, "operation")}${running}`;
}
