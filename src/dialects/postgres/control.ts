const BLANK = /\s*/y;
const LINE_COMMENT = /--[^\n]*/y;
const COMMENT_EDGE = /\/\*|\*\//g;
const WORD = /[a-z_][a-z_0-9$]*/iy;

const ENDS = new Set(["commit", "end", "abort", "begin", "rollback"]);

/**
 * Whether a statement begins or ends a transaction, by its first words. ROLLBACK TO a savepoint does neither. It looks
 * at the first statement of the text only: whatever else a text hides, the proof before COMMIT finds out.
 */
export function endsTransaction(sql: string): boolean {
  let ends = known.get(sql);
  if (ends === undefined) {
    ends = doesEnd(sql);
    if (known.size >= KNOWN_MAX) known.clear();
    if (sql.length <= KNOWN_CHARACTERS_MAX) known.set(sql, ends);
  }
  return ends;
}

/** Work sends the same few texts again and again. More, or longer ones, hold values, and will not come again. */
const known = new Map<string, boolean>();
const KNOWN_MAX = 500;
const KNOWN_CHARACTERS_MAX = 2_000;

function doesEnd(sql: string): boolean {
  const [first = "", second, third] = leadingWords(sql);
  if (first === "start" || first === "prepare") return second === "transaction";
  if (first !== "rollback") return ENDS.has(first);
  return second !== "to" && !((second === "work" || second === "transaction") && third === "to");
}

/** Quoted texts and names, bodies in dollars, and comments. */
const SKIPPED =
  /[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$|--[^\n]*|\/\*[\s\S]*?\*\//g;

/**
 * Whether any statement of a text begins or ends a transaction: for a client that sends texts of several. Where it cannot tell a
 * comment's end, it says yes.
 */
export function endsTransactionAnywhere(sql: string): boolean {
  return sql.replace(SKIPPED, " ").split(";").some(endsTransaction);
}

/** The first three words, without the comments and empty statements around them. */
function leadingWords(sql: string): string[] {
  const words: string[] = [];
  let at = 0;
  while (words.length < 3) {
    at = afterBlank(sql, at);
    if (words.length === 0 && sql[at] === ";") {
      at += 1;
      continue;
    }
    WORD.lastIndex = at;
    const [word] = WORD.exec(sql) ?? [];
    if (word === undefined) break;
    words.push(word.toLowerCase());
    at += word.length;
  }
  return words;
}

function afterBlank(sql: string, start: number): number {
  let at = start;
  for (;;) {
    const before = at;
    at = afterMatch(BLANK, sql, at);
    at = afterMatch(LINE_COMMENT, sql, at);
    if (sql.startsWith("/*", at)) at = afterComment(sql, at);
    if (at === before) return at;
  }
}

function afterMatch(pattern: RegExp, sql: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex : at;
}

/** PostgreSQL's comments nest. */
function afterComment(sql: string, start: number): number {
  let depth = 0;
  COMMENT_EDGE.lastIndex = start;
  for (let edge = COMMENT_EDGE.exec(sql); edge !== null; edge = COMMENT_EDGE.exec(sql)) {
    depth += edge[0] === "/*" ? 1 : -1;
    if (depth === 0) return COMMENT_EDGE.lastIndex;
  }
  return sql.length;
}
