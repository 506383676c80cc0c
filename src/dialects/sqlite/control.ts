/** Quoted texts and names, and comments; a comment that is never closed ends with the text. */
const SKIPPED = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|\/\*[\s\S]*?(?:\*\/|$)|--[^\n]*/g;

/** Statements that begin or end a transaction, and those on the savepoints that opledger itself sets. */
const ENDS = [
  /^(?:begin|commit|end|attach|detach|vacuum)\b/i,
  /^rollback\b(?!\s+(?:transaction\s+)?to\b)/i,
  /^(?:savepoint|release(?:\s+savepoint)?|rollback\s+(?:transaction\s+)?to(?:\s+savepoint)?)\s+opledger_(?:claim|join_)/i,
] as const;

/**
 * Whether a text holds a statement that would end the transaction it runs in.
 *
 * @see https://www.sqlite.org/lang_transaction.html
 */
export function endsTransaction(sql: unknown): boolean {
  if (typeof sql !== "string") return false;
  const bare = sql.replace(SKIPPED, (part) => (/^['"`[]/.test(part) ? " '' " : " "));
  return bare.split(";").some((statement) => ENDS.some((pattern) => pattern.test(statement.trimStart())));
}
