import { hash } from "node:crypto";

/** The server keeps a plan for each name on each connection, so there must not be ever new ones. */
const NAMES_MAX = 1_000;
const names = new Map<string, string>();

/**
 * Names the ledger's own statements, and no others, so that PostgreSQL plans each of them once per connection; that takes about a third off a
 * bound write. For the adapter's option of this name; behind a pooler in transaction mode leave it out.
 *
 * @returns the name, or an empty one, which PostgreSQL takes for none
 * @example
 * new PrismaPg({ connectionString }, { statementNameGenerator: ledgerStatementName });
 * @see https://www.prisma.io/docs/orm/core-concepts/supported-databases/postgresql
 */
export function ledgerStatementName({ sql }: { readonly sql: string }): string {
  // A comment that Prisma was told to add is as good as another one each time, and so would its name be.
  if (!sql.includes("opledger") || sql.endsWith("*/")) return "";
  const known = names.get(sql);
  if (known !== undefined) return known;
  if (names.size >= NAMES_MAX) return "";
  const name = `opledger_${hash("sha256", sql, "hex").slice(0, 32)}`;
  names.set(sql, name);
  return name;
}
