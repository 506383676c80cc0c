import type { MaintenanceDialect } from "../../core/dialect.js";
import { plain, prepared } from "../script/grammar.js";
import { ALIAS, NOW, STATE } from "./sql.js";

/** @param ledger the ledger's table, quoted */
export function maintenance(ledger: string): MaintenanceDialect {
  return {
    stats: () => plain(statsSql(ledger)),
    resultsOf: (scope, after, limit) =>
      prepared(
        `SELECT lower(hex(${ALIAS}.id)) AS id FROM ${ledger} AS ${ALIAS}
WHERE ${ALIAS}.scope = ? AND ${ALIAS}.id > ? AND ${ALIAS}.result IS NOT NULL AND ${ALIAS}.state <> ${STATE.claimed}
ORDER BY ${ALIAS}.id LIMIT ${Math.trunc(limit)}`,
        [scope, Buffer.from(after, "hex")],
      ),
    erase: (ids) => ({
      ...plain(
        `UPDATE ${ledger} AS ${ALIAS} SET result = NULL
WHERE ${ALIAS}.id IN (${ids.map(() => "?").join(", ")}) AND ${ALIAS}.state <> ${STATE.claimed}`,
      ),
      values: ids.map((id) => Buffer.from(id, "hex")),
    }),
  };
}

function statsSql(ledger: string): string {
  const count = (condition: string): string => `count(*) FILTER (WHERE ${condition})`;
  return `SELECT ${ALIAS}.operation AS operation, ${count(`${ALIAS}.state = ${STATE.completed}`)} AS completed,
  ${count(`${ALIAS}.state = ${STATE.failed}`)} AS failed, ${count(`${ALIAS}.state = ${STATE.claimed}`)} AS unfinished,
  ${count(`${ALIAS}.expires_at <= ${NOW}`)} AS expired,
  ${count(`${ALIAS}.expires_at > ${NOW} AND ${ALIAS}.expires_at <= ${NOW} + 86400000`)} AS expiring,
  CAST(min(${ALIAS}.created_at) AS TEXT) AS oldest_ms, CAST(coalesce(sum(length(${ALIAS}.result)), 0) AS TEXT) AS bytes
FROM ${ledger} AS ${ALIAS} GROUP BY ${ALIAS}.operation ORDER BY ${ALIAS}.operation`;
}
