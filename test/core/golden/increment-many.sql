-- increments
-- name: opledger_704d8a6070a25839148a6b57
-- $1 = "[{\"position\":0,\"id\":\"272bdc3f-7d9f-db14-dd6f-638c84ec35f9\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --0\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":\"'; DROP TABLE users; --\",\"balance\":424}},{\"position\":1,\"id\":\"8ee832ab-40a3-7dfe-e642-e1023414d8b4\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --1\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":\"'; DROP TABLE users; --\",\"balance\":424}}]"
-- $2 = "10000"
WITH 
opledger_input AS MATERIALIZED (
  SELECT entry.position, entry.id, entry.scope, entry.operation, entry.key, decode(entry.fingerprint, 'hex') AS fingerprint,
    entry.retention_ms, json_populate_record((SELECT opledger_row FROM "accounts" AS opledger_row WHERE false), entry.given) AS given
  FROM json_to_recordset($1::json) AS entry
    (position integer, id uuid, scope text, operation text, key text, fingerprint text, retention_ms float8, given json)
),
opledger_prior AS MATERIALIZED (
  SELECT opledger_ledger.id, opledger_ledger.fingerprint, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id IN (SELECT input.id FROM opledger_input AS input)
),
opledger_todo AS MATERIALIZED (
  SELECT input.* FROM opledger_input AS input
  WHERE (SELECT set_config('lock_timeout', $2::text, true)) IS NOT NULL AND input.id <> ALL (ARRAY(SELECT prior.id FROM opledger_prior AS prior))
),
opledger_locked AS MATERIALIZED (
  SELECT target."id", target."balance" FROM "accounts" AS target
  WHERE EXISTS (SELECT FROM opledger_todo AS todo WHERE target."id" = (todo.given)."id")
  ORDER BY target."id" FOR NO KEY UPDATE
),
opledger_calc AS MATERIALIZED (
  SELECT todo.position AS "opledger_position", locked."id", locked."balance" + sum((todo.given)."balance") OVER (PARTITION BY locked."id" ORDER BY todo.position) AS "balance", (todo.given)."balance" AS "opledger_delta_0"
  FROM opledger_todo AS todo JOIN opledger_locked AS locked ON locked."id" = (todo.given)."id"
),
opledger_done AS (
  SELECT calc."opledger_position", (SELECT convert_to(chr(2) || 'u' || row_to_json(opledger_row)::text, 'UTF8')
    FROM (SELECT calc."id", calc."balance") AS opledger_row) AS result FROM opledger_calc AS calc OFFSET 0
),
opledger_change AS MATERIALIZED (
  SELECT calc."id", sum(calc."opledger_delta_0") AS "balance" FROM opledger_calc AS calc GROUP BY calc."id"
),
opledger_updated AS (
  UPDATE "accounts" AS target SET "balance" = target."balance" + change."balance"
  FROM opledger_change AS change WHERE target."id" = change."id"
  RETURNING target."id", target."balance"
),
opledger_sound AS MATERIALIZED (
  SELECT (SELECT count(*) = count(DISTINCT calc."opledger_position") FROM opledger_calc AS calc) AS single,
    (SELECT count(*) FROM opledger_change) = (
      SELECT count(*) FROM opledger_change AS change JOIN opledger_locked AS locked ON locked."id" = change."id"
      JOIN opledger_updated AS updated ON updated."id" = change."id" WHERE (updated."balance" = locked."balance" + change."balance") IS NOT FALSE
    ) AS kept
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT todo.id, todo.scope, todo.operation, todo.key, todo.fingerprint, 1, done.result, clock_timestamp(),
    clock_timestamp() + todo.retention_ms * interval '1 millisecond'
  FROM opledger_done AS done JOIN opledger_todo AS todo ON todo.position = done."opledger_position"
  WHERE CASE WHEN (SELECT single FROM opledger_sound) THEN true ELSE CAST('opledger:many-rows ' || done."opledger_position" AS boolean) END
    AND CASE WHEN (SELECT kept FROM opledger_sound) THEN true ELSE CAST('opledger:rows-changed ' || done."opledger_position" AS boolean) END AND CASE WHEN octet_length(done.result) <= 1048576 THEN true
    ELSE CAST('opledger:result-too-large ' || octet_length(done.result) AS boolean) END
  ORDER BY todo.id
  RETURNING id, result
),
opledger_answer AS (
  SELECT input.position,
    CASE WHEN record.id IS NOT NULL THEN 'executed' WHEN prior.expired THEN 'expired'
      WHEN prior.fingerprint <> input.fingerprint THEN 'mismatch' WHEN prior.id IS NOT NULL THEN 'replayed'
      ELSE CASE WHEN EXISTS (SELECT FROM "accounts" AS target WHERE target."id" = (input.given)."id") THEN 'recheck' ELSE 'not-found' END END AS status,
    CASE WHEN record.id IS NOT NULL THEN record.result
      WHEN prior.fingerprint = input.fingerprint AND NOT prior.expired THEN prior.result END AS result
  FROM opledger_input AS input LEFT JOIN opledger_record AS record ON record.id = input.id
    LEFT JOIN opledger_prior AS prior ON prior.id = input.id
)
SELECT filled.position::text AS "opledger$position", filled.status AS "opledger$status", (filled.stored)."id", (filled.stored)."balance"
FROM (
  SELECT answer.position, answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "accounts" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM opledger_answer AS answer OFFSET 0
) AS filled;

-- with columns to redact
-- name: opledger_14e23f6f1a976aab56568607
-- $1 = "[{\"position\":0,\"id\":\"272bdc3f-7d9f-db14-dd6f-638c84ec35f9\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --0\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":\"'; DROP TABLE users; --\",\"balance\":424}}]"
-- $2 = "1"
-- $3 = ["pin'; DROP TABLE users; --"]
WITH 
opledger_wait AS MATERIALIZED (SELECT current_setting('lock_timeout') AS previous),
opledger_input AS MATERIALIZED (
  SELECT entry.position, entry.id, entry.scope, entry.operation, entry.key, decode(entry.fingerprint, 'hex') AS fingerprint,
    entry.retention_ms, json_populate_record((SELECT opledger_row FROM "accounts" AS opledger_row WHERE false), entry.given) AS given
  FROM json_to_recordset($1::json) AS entry
    (position integer, id uuid, scope text, operation text, key text, fingerprint text, retention_ms float8, given json)
),
opledger_prior AS MATERIALIZED (
  SELECT opledger_ledger.id, opledger_ledger.fingerprint, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id IN (SELECT input.id FROM opledger_input AS input)
),
opledger_todo AS MATERIALIZED (
  SELECT input.* FROM opledger_input AS input
  WHERE (SELECT set_config('lock_timeout', $2::text, true) FROM opledger_wait WHERE previous IS NOT NULL) IS NOT NULL AND input.id <> ALL (ARRAY(SELECT prior.id FROM opledger_prior AS prior))
),
opledger_locked AS MATERIALIZED (
  SELECT target."id", target."balance" FROM "accounts" AS target
  WHERE EXISTS (SELECT FROM opledger_todo AS todo WHERE target."id" = (todo.given)."id")
  ORDER BY target."id" FOR NO KEY UPDATE
),
opledger_calc AS MATERIALIZED (
  SELECT todo.position AS "opledger_position", locked."id", locked."balance" + sum((todo.given)."balance") OVER (PARTITION BY locked."id" ORDER BY todo.position) AS "balance", (todo.given)."balance" AS "opledger_delta_0"
  FROM opledger_todo AS todo JOIN opledger_locked AS locked ON locked."id" = (todo.given)."id"
),
opledger_done AS (
  SELECT calc."opledger_position", (SELECT convert_to(chr(2) || 'u' || (to_jsonb(opledger_row) - $3::text[])::text, 'UTF8')
    FROM (SELECT calc."id", calc."balance") AS opledger_row) AS result FROM opledger_calc AS calc OFFSET 0
),
opledger_change AS MATERIALIZED (
  SELECT calc."id", sum(calc."opledger_delta_0") AS "balance" FROM opledger_calc AS calc GROUP BY calc."id"
),
opledger_updated AS (
  UPDATE "accounts" AS target SET "balance" = target."balance" + change."balance"
  FROM opledger_change AS change WHERE target."id" = change."id"
  RETURNING target."id", target."balance"
),
opledger_sound AS MATERIALIZED (
  SELECT (SELECT count(*) = count(DISTINCT calc."opledger_position") FROM opledger_calc AS calc) AS single,
    (SELECT count(*) FROM opledger_change) = (
      SELECT count(*) FROM opledger_change AS change JOIN opledger_locked AS locked ON locked."id" = change."id"
      JOIN opledger_updated AS updated ON updated."id" = change."id" WHERE (updated."balance" = locked."balance" + change."balance") IS NOT FALSE
    ) AS kept
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT todo.id, todo.scope, todo.operation, todo.key, todo.fingerprint, 1, done.result, clock_timestamp(),
    clock_timestamp() + todo.retention_ms * interval '1 millisecond'
  FROM opledger_done AS done JOIN opledger_todo AS todo ON todo.position = done."opledger_position"
  WHERE CASE WHEN (SELECT single FROM opledger_sound) THEN true ELSE CAST('opledger:many-rows ' || done."opledger_position" AS boolean) END
    AND CASE WHEN (SELECT kept FROM opledger_sound) THEN true ELSE CAST('opledger:rows-changed ' || done."opledger_position" AS boolean) END AND CASE WHEN octet_length(done.result) <= 1048576 THEN true
    ELSE CAST('opledger:result-too-large ' || octet_length(done.result) AS boolean) END
  ORDER BY todo.id
  RETURNING id, result
),
opledger_answer AS (
  SELECT input.position,
    CASE WHEN record.id IS NOT NULL THEN 'executed' WHEN prior.expired THEN 'expired'
      WHEN prior.fingerprint <> input.fingerprint THEN 'mismatch' WHEN prior.id IS NOT NULL THEN 'replayed'
      ELSE CASE WHEN EXISTS (SELECT FROM "accounts" AS target WHERE target."id" = (input.given)."id") THEN 'recheck' ELSE 'not-found' END END AS status,
    CASE WHEN record.id IS NOT NULL THEN record.result
      WHEN prior.fingerprint = input.fingerprint AND NOT prior.expired THEN prior.result END AS result
  FROM opledger_input AS input LEFT JOIN opledger_record AS record ON record.id = input.id
    LEFT JOIN opledger_prior AS prior ON prior.id = input.id
)
SELECT filled.position::text AS "opledger$position", filled.status AS "opledger$status", (filled.stored)."id", (filled.stored)."balance",
  set_config('lock_timeout', (SELECT previous FROM opledger_wait), true) AS "opledger$restored"
FROM (
  SELECT answer.position, answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "accounts" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM opledger_answer AS answer OFFSET 0
) AS filled;
