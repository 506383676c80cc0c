/** Quoted texts and names, and the comments that the server skips. */
const SKIPPED =
  /'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`|\/\*(?!M?!)[\s\S]*?\*\/|--(?=\s|$)[^\n]*|#[^\n]*/g;

/** Comments whose content the server runs. */
const RUN_COMMENT = /\/\*M?!\d*|\*\//g;

/**
 * Statements that begin or end a transaction, and those that commit by themselves.
 *
 * @see https://dev.mysql.com/doc/refman/9.4/en/implicit-commit.html
 * @see https://mariadb.com/kb/en/sql-statements-that-cause-an-implicit-commit/
 */
const ENDS = [
  /^(?:begin|commit|xa|lock|unlock|truncate|rename|alter|grant|revoke|analyze|optimize|repair|flush|reset|clone)\b/i,
  /^(?:install|uninstall|shutdown|restart|(?:start|stop)\s+(?:transaction|slave|replica|all|group_replication))\b/i,
  /^(?:check\s+table|cache\s+index|load\s+index|import\s+table|change\s+(?:master|replication)|set\s+password)\b/i,
  /^rollback\b(?!\s+(?:work\s+)?to\b)/i,
  /^create\b(?!\s+(?:or\s+replace\s+)?temporary\b)/i,
  /^drop\b(?!\s+temporary\b)/i,
  /^set\b.*\bautocommit\b/is,
  // The marks that opledger itself sets.
  /^(?:savepoint|release\s+savepoint|rollback\s+(?:work\s+)?to(?:\s+savepoint)?)\s+opledger_(?:claim|join_)/i,
] as const;

/** Whether a text holds a statement that would end the transaction it runs in. */
export function endsTransaction(sql: unknown): boolean {
  if (typeof sql !== "string") return false;
  const bare = sql.replace(SKIPPED, (part) => (/^['"`]/.test(part) ? " '' " : " ")).replace(RUN_COMMENT, " ");
  return bare.split(";").some((statement) => ENDS.some((pattern) => pattern.test(statement.trimStart())));
}
