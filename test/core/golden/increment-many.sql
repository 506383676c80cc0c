-- increments
-- name: none
-- $1 = "[{\"position\":0,\"id\":\"272bdc3f-7d9f-db14-dd6f-638c84ec35f9\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --0\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":\"'; DROP TABLE users; --\",\"balance\":\"424\"}},{\"position\":1,\"id\":\"8ee832ab-40a3-7dfe-e642-e1023414d8b4\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --1\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":\"'; DROP TABLE users; --\",\"balance\":\"424\"}}]"
-- $2 = "10000"
WITH input AS MATERIALIZED (
  SELECT entry.position, entry.id, entry.scope, entry.operation, entry.key, decode(entry.fingerprint, 'hex') AS fingerprint,
    entry.retention_ms, json_populate_record(NULL::"accounts", entry.given) AS given
  FROM json_to_recordset($1::json) AS entry
    (position integer, id uuid, scope text, operation text, key text, fingerprint text, retention_ms float8, given json)
),
prior AS MATERIALIZED (
  SELECT ledger.id, ledger.fingerprint, ledger.result, ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS ledger WHERE ledger.id IN (SELECT input.id FROM input)
),
todo AS MATERIALIZED (
  SELECT input.* FROM input
  WHERE (SELECT set_config('lock_timeout', $2::text, true)) IS NOT NULL AND input.id <> ALL (ARRAY(SELECT prior.id FROM prior))
),
locked AS MATERIALIZED (
  SELECT target."id", target."balance" FROM "accounts" AS target
  WHERE EXISTS (SELECT FROM todo WHERE target."id" = (todo.given)."id")
  ORDER BY target."id" FOR NO KEY UPDATE
),
calc AS MATERIALIZED (
  SELECT todo.position, locked."id", locked."balance" + sum((todo.given)."balance") OVER (PARTITION BY locked."id"
      ORDER BY todo.position) AS "balance", (todo.given)."balance" AS delta_0
  FROM todo JOIN locked ON locked."id" = (todo.given)."id"
),
done AS (
  SELECT calc.position, (SELECT convert_to(chr(2) || 'u' || row_to_json(stored_row)::text, 'UTF8')
    FROM (SELECT calc."id", calc."balance") AS stored_row) AS result FROM calc OFFSET 0
),
updated AS (
  UPDATE "accounts" AS target SET "balance" = target."balance" + change."balance"
  FROM (SELECT "id", sum(delta_0) AS "balance" FROM calc GROUP BY "id") AS change
  WHERE target."id" = change."id"
  RETURNING 1
),
record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT todo.id, todo.scope, todo.operation, todo.key, todo.fingerprint, 1, done.result, clock_timestamp(),
    clock_timestamp() + todo.retention_ms * interval '1 millisecond'
  FROM done JOIN todo USING (position)
  WHERE CASE WHEN octet_length(done.result) <= 1048576 THEN true
    ELSE CAST('opledger:result-too-large ' || octet_length(done.result) AS boolean) END
  ORDER BY todo.id
  RETURNING id, result
),
answer AS (
  SELECT input.position,
    CASE WHEN record.id IS NOT NULL THEN 'executed' WHEN prior.expired THEN 'expired'
      WHEN prior.fingerprint <> input.fingerprint THEN 'mismatch' WHEN prior.id IS NOT NULL THEN 'replayed'
      ELSE CASE WHEN EXISTS (SELECT FROM "accounts" AS target WHERE target."id" = (input.given)."id") THEN 'recheck' ELSE 'not-found' END END AS status,
    CASE WHEN record.id IS NOT NULL THEN record.result
      WHEN prior.fingerprint = input.fingerprint AND NOT prior.expired THEN prior.result END AS result
  FROM input LEFT JOIN record ON record.id = input.id LEFT JOIN prior ON prior.id = input.id
)
SELECT answer.position AS "opledger$position", answer.status AS "opledger$status",
  get_byte(answer.result, 1) AS "opledger$effect", stored."id", stored."balance"
FROM answer LEFT JOIN LATERAL
  json_populate_record(NULL::"accounts", convert_from(substring(answer.result FROM 3), 'UTF8')::json) AS stored ON true;

-- with columns to redact
-- name: none
-- $1 = "[{\"position\":0,\"id\":\"272bdc3f-7d9f-db14-dd6f-638c84ec35f9\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --0\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":\"'; DROP TABLE users; --\",\"balance\":\"424\"}}]"
-- $2 = "1"
-- $3 = ["pin'; DROP TABLE users; --"]
WITH input AS MATERIALIZED (
  SELECT entry.position, entry.id, entry.scope, entry.operation, entry.key, decode(entry.fingerprint, 'hex') AS fingerprint,
    entry.retention_ms, json_populate_record(NULL::"accounts", entry.given) AS given
  FROM json_to_recordset($1::json) AS entry
    (position integer, id uuid, scope text, operation text, key text, fingerprint text, retention_ms float8, given json)
),
prior AS MATERIALIZED (
  SELECT ledger.id, ledger.fingerprint, ledger.result, ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS ledger WHERE ledger.id IN (SELECT input.id FROM input)
),
todo AS MATERIALIZED (
  SELECT input.* FROM input
  WHERE (SELECT set_config('lock_timeout', $2::text, true)) IS NOT NULL AND input.id <> ALL (ARRAY(SELECT prior.id FROM prior))
),
locked AS MATERIALIZED (
  SELECT target."id", target."balance" FROM "accounts" AS target
  WHERE EXISTS (SELECT FROM todo WHERE target."id" = (todo.given)."id")
  ORDER BY target."id" FOR NO KEY UPDATE
),
calc AS MATERIALIZED (
  SELECT todo.position, locked."id", locked."balance" + sum((todo.given)."balance") OVER (PARTITION BY locked."id"
      ORDER BY todo.position) AS "balance", (todo.given)."balance" AS delta_0
  FROM todo JOIN locked ON locked."id" = (todo.given)."id"
),
done AS (
  SELECT calc.position, (SELECT convert_to(chr(2) || 'u' || (to_jsonb(stored_row) - $3::text[])::text, 'UTF8')
    FROM (SELECT calc."id", calc."balance") AS stored_row) AS result FROM calc OFFSET 0
),
updated AS (
  UPDATE "accounts" AS target SET "balance" = target."balance" + change."balance"
  FROM (SELECT "id", sum(delta_0) AS "balance" FROM calc GROUP BY "id") AS change
  WHERE target."id" = change."id"
  RETURNING 1
),
record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT todo.id, todo.scope, todo.operation, todo.key, todo.fingerprint, 1, done.result, clock_timestamp(),
    clock_timestamp() + todo.retention_ms * interval '1 millisecond'
  FROM done JOIN todo USING (position)
  WHERE CASE WHEN octet_length(done.result) <= 1048576 THEN true
    ELSE CAST('opledger:result-too-large ' || octet_length(done.result) AS boolean) END
  ORDER BY todo.id
  RETURNING id, result
),
answer AS (
  SELECT input.position,
    CASE WHEN record.id IS NOT NULL THEN 'executed' WHEN prior.expired THEN 'expired'
      WHEN prior.fingerprint <> input.fingerprint THEN 'mismatch' WHEN prior.id IS NOT NULL THEN 'replayed'
      ELSE CASE WHEN EXISTS (SELECT FROM "accounts" AS target WHERE target."id" = (input.given)."id") THEN 'recheck' ELSE 'not-found' END END AS status,
    CASE WHEN record.id IS NOT NULL THEN record.result
      WHEN prior.fingerprint = input.fingerprint AND NOT prior.expired THEN prior.result END AS result
  FROM input LEFT JOIN record ON record.id = input.id LEFT JOIN prior ON prior.id = input.id
)
SELECT answer.position AS "opledger$position", answer.status AS "opledger$status",
  get_byte(answer.result, 1) AS "opledger$effect", stored."id", stored."balance"
FROM answer LEFT JOIN LATERAL
  json_populate_record(NULL::"accounts", convert_from(substring(answer.result FROM 3), 'UTF8')::json) AS stored ON true;
