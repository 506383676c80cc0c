import type { SourceFile } from "./source.js";

/** `// opledger-ignore rule-id, other-id: reason` */
export interface Ignore {
  readonly rules: readonly string[];
  readonly reason: string;
  /** Where the comment stands; in a whole file's it says nothing about a line. */
  readonly offset: number;
  readonly line: number;
  readonly wholeFile: boolean;
}

const COMMENT = /^\**\s*opledger-ignore(-file)?\b\s*([^:]*?)\s*(?::\s*([\s\S]*?))?\s*\**$/;

/** The comments of a file that ask for silence. */
export function ignoresOf(source: SourceFile): Ignore[] {
  return source.comments.flatMap(({ value, start, end }): Ignore[] => {
    const match = COMMENT.exec(value.trim());
    if (match === null) return [];
    const [, file, list = "", reason = ""] = match;
    return [
      {
        rules: list.split(/[\s,]+/).filter((each) => each !== ""),
        reason,
        offset: start,
        line: source.position(end).line,
        wholeFile: file !== undefined,
      },
    ];
  });
}

/** Why a comment silences nothing; undefined where it is in order. */
export function faultOf(ignore: Ignore, known: ReadonlySet<string>): string | undefined {
  const unknown = ignore.rules.find((rule) => !known.has(rule));
  if (unknown !== undefined) return `there is no rule \`${unknown}\``;
  if (ignore.rules.length === 0) return "it names no rule";
  return ignore.reason === "" ? "it gives no reason" : undefined;
}

/** Whether a comment speaks of a finding: it is on its line, on the one before, or before its statement. */
export function covers(ignore: Ignore, rule: string, lines: readonly number[]): boolean {
  if (!ignore.rules.includes(rule)) return false;
  return ignore.wholeFile || lines.some((line) => ignore.line === line || ignore.line === line - 1);
}
