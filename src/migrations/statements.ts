/**
 * The statements of a script, without the semicolons between them. Lines `DELIMITER //` are followed as the mysql client
 * follows them; quotes, comments, dollar quotes and the bodies of SQLite's triggers are kept whole.
 */
export function splitStatements(sql: string): string[] {
  const statements = /^DELIMITER /m.test(sql) ? splitDelimited(sql) : splitScript(sql);
  return statements
    .map((statement) => statement.trim())
    .filter((statement) => withoutComments(statement) !== "");
}

function withoutComments(statement: string): string {
  return statement.replaceAll(/^\s*--.*$/gm, "").trim();
}

function splitDelimited(sql: string): string[] {
  let delimiter = ";";
  const statements: string[] = [];
  let lines: string[] = [];
  for (const line of sql.split("\n")) {
    const [, chosen] = /^DELIMITER (\S+)\s*$/.exec(line) ?? [];
    if (chosen !== undefined) delimiter = chosen;
    else if (line.endsWith(delimiter)) {
      statements.push([...lines, line.slice(0, -delimiter.length)].join("\n"));
      lines = [];
    } else lines.push(line);
  }
  return [...statements, lines.join("\n")];
}

/** What may hold a semicolon that ends nothing, and the semicolon that ends a statement. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\$(\w*)\$[\s\S]*?\$\1\$|;/g;
const TRIGGER = /^CREATE\s+(?:TEMP\s+|TEMPORARY\s+)?TRIGGER\b[\s\S]*\bBEGIN\b/i;

function splitScript(sql: string): string[] {
  const statements: string[] = [];
  let start = 0;
  for (const { 0: token, index } of sql.matchAll(TOKEN)) {
    if (token !== ";") continue;
    const statement = sql.slice(start, index);
    const inTrigger = TRIGGER.test(withoutComments(statement)) && !/\bEND\s*$/i.test(statement);
    if (inTrigger) continue;
    statements.push(statement);
    start = index + 1;
  }
  return [...statements, sql.slice(start)];
}
