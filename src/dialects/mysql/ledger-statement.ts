import type { Statement } from "../../core/executor.js";

/** A statement on the ledger, which the procedures hold too: what they are to be given for it, in their parameters' order. */
export interface LedgerStatement extends Statement {
  readonly parameters: readonly unknown[];
}

/** @throws {Error} the statement is not one that the procedures hold */
export function parametersOf(statement: Statement | undefined): readonly unknown[] {
  const { parameters } = (statement ?? {}) as Partial<LedgerStatement>;
  if (parameters === undefined) throw new Error("the ledger's procedures hold no such statement");
  return parameters;
}
