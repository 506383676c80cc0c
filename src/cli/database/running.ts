import type { OpenDatabase } from "./open.js";

/**
 * Transactions of others that are writing to the ledger now: an operation that is running has no row that anybody else
 * sees. Null where the engine cannot tell.
 */
export async function runningTransactions({
  engine,
  query,
  names,
  ledgerRef,
}: OpenDatabase): Promise<number | null> {
  switch (engine) {
    case "postgres": {
      const { rows } = await query(
        `SELECT count(DISTINCT pg_locks.pid)::text AS running FROM pg_locks
JOIN pg_class ON pg_class.oid = relation JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted AND pg_locks.pid <> pg_backend_pid()
  AND nspname = $1 AND relname = $2`,
        [names.schema ?? "public", names.table],
      );
      return Number(rows[0]?.running);
    }
    case "mysql":
    case "mariadb": {
      const claimed = `SELECT COUNT(*) AS claimed FROM ${ledgerRef} WHERE state = 0`;
      const committed = await query(claimed);
      await query("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED");
      const all = await query(claimed);
      return Math.max(0, Number(all.rows[0]?.claimed) - Number(committed.rows[0]?.claimed));
    }
    case "sqlite":
      return null;
  }
}
