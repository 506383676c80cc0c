-- without a natural key
-- name: none
-- $1 = "[{\"position\":0,\"id\":\"272bdc3f-7d9f-db14-dd6f-638c84ec35f9\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --0\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":7,\"amount\":\"424\",\"note\":\"'; DROP TABLE users; --\"}},{\"position\":1,\"id\":\"8ee832ab-40a3-7dfe-e642-e1023414d8b4\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --1\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":7,\"amount\":\"424\",\"note\":\"'; DROP TABLE users; --\"}}]"
-- $2 = "10000"
WITH input AS MATERIALIZED (
  SELECT entry.position, entry.id, entry.scope, entry.operation, entry.key, decode(entry.fingerprint, 'hex') AS fingerprint,
    entry.retention_ms, json_populate_record(NULL::"payments", entry.given) AS given
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
fresh AS (
  INSERT INTO "payments" AS target ("id", "amount", "note")
  SELECT (todo.given)."id", (todo.given)."amount", (todo.given)."note" FROM todo ORDER BY todo.id
  
  RETURNING target.*
),
done AS (
  SELECT numbered.position, (SELECT convert_to(chr(2) || 'i' || row_to_json(stored_row)::text, 'UTF8') FROM (SELECT (made.whole).*) AS stored_row) AS result
  FROM (SELECT todo.position, row_number() OVER (ORDER BY todo.id) AS place FROM todo) AS numbered
  JOIN (SELECT fresh AS whole, row_number() OVER () AS place FROM fresh) AS made ON made.place = numbered.place
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
      ELSE 'recheck' END AS status,
    CASE WHEN record.id IS NOT NULL THEN record.result
      WHEN prior.fingerprint = input.fingerprint AND NOT prior.expired THEN prior.result END AS result
  FROM input LEFT JOIN record ON record.id = input.id LEFT JOIN prior ON prior.id = input.id
)
SELECT answer.position AS "opledger$position", answer.status AS "opledger$status",
  get_byte(answer.result, 1) AS "opledger$effect", stored.*
FROM answer LEFT JOIN LATERAL
  json_populate_record(NULL::"payments", convert_from(substring(answer.result FROM 3), 'UTF8')::json) AS stored ON true;

-- with a natural key
-- name: none
-- $1 = "[{\"position\":0,\"id\":\"272bdc3f-7d9f-db14-dd6f-638c84ec35f9\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --0\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":7,\"amount\":\"424\",\"note\":\"'; DROP TABLE users; --\"}},{\"position\":1,\"id\":\"8ee832ab-40a3-7dfe-e642-e1023414d8b4\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --1\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":7,\"amount\":\"424\",\"note\":\"'; DROP TABLE users; --\"}}]"
-- $2 = "10000"
WITH input AS MATERIALIZED (
  SELECT entry.position, entry.id, entry.scope, entry.operation, entry.key, decode(entry.fingerprint, 'hex') AS fingerprint,
    entry.retention_ms, json_populate_record(NULL::"app"."payments", entry.given) AS given
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
fresh AS (
  INSERT INTO "app"."payments" AS target ("id", "amount", "note")
  SELECT (todo.given)."id", (todo.given)."amount", (todo.given)."note" FROM todo ORDER BY (todo.given)."id", (todo.given)."note", todo.position
  ON CONFLICT ("id", "note") DO NOTHING
  RETURNING target.*
),
done AS (
  SELECT ranked.position, (SELECT convert_to(chr(2) || CASE WHEN ranked.first THEN 'i' ELSE 'n' END || row_to_json(stored_row)::text, 'UTF8')
    FROM (SELECT fresh."id") AS stored_row) AS result
  FROM (SELECT todo.*, row_number() OVER (PARTITION BY (todo.given)."id", (todo.given)."note" ORDER BY todo.position) = 1 AS first FROM todo) AS ranked
  JOIN fresh ON fresh."id" = (ranked.given)."id" AND fresh."note" = (ranked.given)."note"
  UNION ALL
  SELECT todo.position, (SELECT convert_to(chr(2) || 'n' || row_to_json(stored_row)::text, 'UTF8') FROM (SELECT standing."id") AS stored_row) AS result
  FROM todo JOIN "app"."payments" AS standing ON standing."id" = (todo.given)."id" AND standing."note" = (todo.given)."note"
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
      ELSE 'recheck' END AS status,
    CASE WHEN record.id IS NOT NULL THEN record.result
      WHEN prior.fingerprint = input.fingerprint AND NOT prior.expired THEN prior.result END AS result
  FROM input LEFT JOIN record ON record.id = input.id LEFT JOIN prior ON prior.id = input.id
)
SELECT answer.position AS "opledger$position", answer.status AS "opledger$status",
  get_byte(answer.result, 1) AS "opledger$effect", stored."id"
FROM answer LEFT JOIN LATERAL
  json_populate_record(NULL::"app"."payments", convert_from(substring(answer.result FROM 3), 'UTF8')::json) AS stored ON true;
