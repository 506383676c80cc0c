import type { InspectedOperation } from "../../core/ledger.js";
import { type CliCommand, type DatabaseFlags, defineCommand, instant, type Report } from "../command.js";
import { withDatabase } from "../database/open.js";
import { EXIT } from "../exit.js";
import { bytes, columns, time } from "../format.js";

interface ShowFlags extends DatabaseFlags {
  readonly value?: boolean;
  readonly issuedAt?: Date;
}

export const show: CliCommand = defineCommand<ShowFlags>({
  path: "show",
  summary: "show what the ledger holds of one operation",
  details: `
The stored result may hold personal data, so it is printed only with --value. A key that is still running has no row
yet. Write an empty scope as "".`,
  examples: [
    [
      "opledger show acme create_invoice 0190f1c0-5b0e-7c3e-9d7a-3f1f2d3c4b5a",
      "what became of this invoice?",
    ],
    ['opledger show "" send_welcome 42 --value --json', "its stored result, for a script"],
  ],
  database: true,
  shape: (command) =>
    command
      .argument("<scope>", "the client, tenant or user that the key belongs to")
      .argument("<operation>", "the operation's name")
      .argument("<key>", "the idempotency key")
      .option("--value", "print the stored result too")
      .option("--issued-at <time>", "the operation's `issuedAt`, where it was given one", instant),
  run: async ({ args, options, io }) => {
    const [scope = "", operation = "", key = ""] = args;
    const ref = { operation, key, ...(scope === "" ? {} : { scope }), issuedAt: options.issuedAt };
    return withDatabase(io, options, async ({ ledger, names, ledgerName }) => {
      const found = await ledger(names).inspect(ref);
      return found === undefined ? absent(ledgerName) : present(found, options.value === true);
    });
  },
});

function absent(ledgerName: string): Report {
  return {
    data: { found: false },
    text: () => `${ledgerName} holds no such operation: it was never run, is still running, or was swept.`,
    exitCode: EXIT.no,
  };
}

function present(found: InspectedOperation, withValue: boolean): Report {
  const { value, fingerprint, ...rest } = found;
  const stored = withValue ? { value: value ?? null } : {};
  return {
    data: { found: true, ...rest, fingerprint: Buffer.from(fingerprint).toString("hex"), ...stored },
    text: (style) => {
      const status = found.status === "failed" ? style.red("failed") : style.green("completed");
      const expiry = found.expired
        ? style.yellow(`${time(found.expiresAt)} (expired)`)
        : time(found.expiresAt);
      const rows = [
        ["status", status],
        ["scope", found.scope === "" ? style.dim("none") : found.scope],
        ["operation", found.operation],
        ["key", found.key],
        ["id", found.id],
        ["fingerprint", Buffer.from(fingerprint).toString("hex")],
        ["created", time(found.createdAt)],
        ["expires", expiry],
        ["result", found.erased ? style.yellow("erased") : bytes(found.resultBytes)],
      ];
      if (withValue) rows.push(["value", JSON.stringify(value ?? null, shown, 2)]);
      return columns(rows.map(([name = "", text = ""]) => [style.dim(name), text]));
    },
  };
}

/** What JSON has no form for, as people read it. */
function shown(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
