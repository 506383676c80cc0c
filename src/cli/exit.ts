/** What a script may rely on. The numbers do not change between major versions. */
export const EXIT = {
  /** Done; for a check: nothing found. */
  ok: 0,
  /** It ran, and the answer is no: something was found, or what was asked for is not there. */
  no: 1,
  /** The command was not understood. Nothing was done. */
  usage: 2,
  /** The database was not reached: no URL, no driver, no answer. Nothing was done. */
  unreachable: 3,
  /** The ledger is missing, or older or newer than this version of opledger. */
  schema: 4,
  /** It failed on the way. What it says tells whether it is safe to run again. */
  failed: 5,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANING: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: "done; for a check, nothing found",
  no: "it ran, and the answer is no: something was found, or what was asked for is not there",
  usage: "the command was not understood; nothing was done",
  unreachable: "the database was not reached; nothing was done",
  schema: "the ledger is missing, or of another version",
  failed: "it failed on the way; the message says whether to run it again",
};

/** A failure that the person at the terminal can do something about. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: ExitCode;
  /** What to do next. */
  readonly hint: string | undefined;

  constructor(exitCode: ExitCode, message: string, details: { hint?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.exitCode = exitCode;
    this.hint = details.hint;
  }
}
