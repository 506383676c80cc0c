import type { MaintenanceDialect } from "../../core/dialect.js";
import { prepared, STATE } from "./sql.js";

/** @param ledger the ledger's table, quoted */
export function maintenance(ledger: string): MaintenanceDialect {
  const resultsOf = prepared(`
SELECT opledger_ledger.id::text AS id FROM ${ledger} AS opledger_ledger
WHERE opledger_ledger.scope = $1::text AND opledger_ledger.id > $2::uuid AND opledger_ledger.result IS NOT NULL
  AND opledger_ledger.state <> ${STATE.claimed}
ORDER BY opledger_ledger.id LIMIT $3::integer`);
  const erase = prepared(
    `UPDATE ${ledger} SET result = NULL WHERE id = ANY ($1::uuid[]) AND state <> ${STATE.claimed}`,
  );
  return {
    stats: () => ({ sql: statsSql(ledger), values: [] }),
    resultsOf: (scope, after, limit) => ({ ...resultsOf, values: [scope, after, limit] }),
    erase: (ids) => ({ ...erase, values: [ids] }),
  };
}

function statsSql(ledger: string): string {
  return `
SELECT opledger_ledger.operation, count(*) FILTER (WHERE opledger_ledger.state = ${STATE.completed})::text AS completed,
  count(*) FILTER (WHERE opledger_ledger.state = ${STATE.failed})::text AS failed,
  count(*) FILTER (WHERE opledger_ledger.state = ${STATE.claimed})::text AS unfinished,
  count(*) FILTER (WHERE opledger_ledger.expires_at <= statement_timestamp())::text AS expired,
  count(*) FILTER (WHERE opledger_ledger.expires_at > statement_timestamp()
    AND opledger_ledger.expires_at <= statement_timestamp() + interval '1 day')::text AS expiring,
  (extract(epoch FROM min(opledger_ledger.created_at)) * 1000)::text AS oldest_ms,
  coalesce(sum(octet_length(opledger_ledger.result)), 0)::text AS bytes
FROM ${ledger} AS opledger_ledger GROUP BY opledger_ledger.operation ORDER BY opledger_ledger.operation`;
}
