/** A column that SQL sets to itself plus or minus something. */
export interface SqlIncrement {
  readonly column: string;
  /** Where in the text it stands. */
  readonly at: number;
}

const NAME = String.raw`(?:["\x60\[]?\w+["\x60\]]?\.)*["\x60\[]?(\w+)["\x60\]]?`;
const WRITE = /\bUPDATE\b[\s\S]*?\bSET\b|\bDO\s+UPDATE\s+SET\b|\bON\s+DUPLICATE\s+KEY\s+UPDATE\b/i;
const ASSIGNMENT = new RegExp(
  String.raw`${NAME}\s*=\s*(?:(?:COALESCE|IFNULL)\s*\(\s*${NAME}\s*,[^)]*\)|${NAME})\s*[-+*]\s*[^\s]`,
  "gi",
);

/**
 * The first such assignment of a statement; undefined where there is none, or where the statement no longer finds the row
 * after it was run, because it compares the same column.
 */
export function incrementIn(sql: string): SqlIncrement | undefined {
  const write = WRITE.exec(sql);
  if (write === null) return undefined;
  const from = write.index + write[0].length;
  const rest = sql.slice(from);
  const where = /\bWHERE\b/i.exec(rest);
  const assignments = where === null ? rest : rest.slice(0, where.index);
  const conditions = where === null ? "" : rest.slice(where.index);
  const found = [...assignments.matchAll(ASSIGNMENT)].flatMap((match): SqlIncrement[] => {
    const [, column = "", coalesced, plain] = match;
    return column === (coalesced ?? plain) ? [{ column, at: from + match.index }] : [];
  });
  const compared = ({ column }: SqlIncrement): boolean =>
    new RegExp(String.raw`\b${column}["\x60\]]?\s*=\s*[$:?@\d'\[]`, "i").test(conditions);
  return found.some(compared) ? undefined : found[0];
}

/** Whether a piece of SQL is a column plus or minus something, as `set({ n: () => "n + 1" })` has it. */
export function isStepExpression(sql: string, column: string): boolean {
  return new RegExp(
    String.raw`^\s*(?:COALESCE\s*\(\s*)?["\x60]?(?:\w+\.)?["\x60]?${column}\b["\x60]?[^-+*]*[-+*]`,
    "i",
  ).test(sql);
}
