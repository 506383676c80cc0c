import type { MaintenanceDialect } from "../../core/dialect.js";
import { plain, prepared } from "../script/grammar.js";
import { epochMs, STATE } from "./sql.js";

/** @param ledger the ledger's table, quoted */
export function maintenance(ledger: string): MaintenanceDialect {
  return {
    stats: () => plain(statsSql(ledger)),
    resultsOf: (scope, after, limit) =>
      prepared(
        `SELECT LOWER(HEX(id)) AS id FROM ${ledger}
WHERE scope = ? AND id > ? AND result IS NOT NULL AND state <> ${STATE.claimed} ORDER BY id LIMIT ${Math.trunc(limit)}`,
        [scope, Buffer.from(after, "hex")],
      ),
    erase: (ids) => ({
      sql: `UPDATE ${ledger} SET result = NULL WHERE id IN (${ids.map(() => "?").join(", ")}) AND state <> ${STATE.claimed}`,
      values: ids.map((id) => Buffer.from(id, "hex")),
    }),
  };
}

function statsSql(ledger: string): string {
  const count = (condition: string): string => `COUNT(CASE WHEN ${condition} THEN 1 END)`;
  return `SELECT operation, ${count(`state = ${STATE.completed}`)} AS completed, ${count(`state = ${STATE.failed}`)} AS failed,
  ${count(`state = ${STATE.claimed}`)} AS unfinished, ${count("expires_at <= UTC_TIMESTAMP(6)")} AS expired,
  ${count("expires_at > UTC_TIMESTAMP(6) AND expires_at <= UTC_TIMESTAMP(6) + INTERVAL 1 DAY")} AS expiring,
  ${epochMs("MIN(created_at)")} AS oldest_ms, CAST(COALESCE(SUM(LENGTH(result)), 0) AS CHAR) AS bytes
FROM ${ledger} GROUP BY operation ORDER BY operation`;
}
