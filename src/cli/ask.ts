import { confirm, isCancel } from "@clack/prompts";
import { CliError, EXIT } from "./exit.js";

/**
 * Asks on the terminal, beside standard output, which is for what was asked for and may go into a file.
 *
 * @param refusal what to say where the answer is no, or none
 * @throws {CliError} it is
 */
export async function ask(message: string, initialValue: boolean, refusal: string): Promise<void> {
  const answer = await confirm({ message, initialValue, output: process.stderr });
  if (isCancel(answer) || !answer) throw new CliError(EXIT.no, refusal);
}
