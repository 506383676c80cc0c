-- without a natural key
-- name: opledger_0da018d3df13d18e580ce8ac
-- $1 = "[{\"position\":0,\"id\":\"272bdc3f-7d9f-db14-dd6f-638c84ec35f9\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --0\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":7,\"amount\":424,\"note\":\"'; DROP TABLE users; --\"}},{\"position\":1,\"id\":\"8ee832ab-40a3-7dfe-e642-e1023414d8b4\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --1\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":7,\"amount\":424,\"note\":\"'; DROP TABLE users; --\"}}]"
-- $2 = "10000"
WITH 
opledger_input AS MATERIALIZED (
  SELECT entry.position, entry.id, entry.scope, entry.operation, entry.key, decode(entry.fingerprint, 'hex') AS fingerprint,
    entry.retention_ms, json_populate_record((SELECT opledger_row FROM "payments" AS opledger_row WHERE false), entry.given) AS given
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
opledger_fresh AS (
  INSERT INTO "payments" AS target ("id", "amount", "note")
  SELECT (todo.given)."id", (todo.given)."amount", (todo.given)."note" FROM opledger_todo AS todo ORDER BY todo.id
  
  RETURNING target.*
),
opledger_done AS (
  SELECT numbered.position AS "opledger_position", (SELECT convert_to(chr(2) || 'i' || row_to_json(opledger_row)::text, 'UTF8') FROM (SELECT (made.whole).*) AS opledger_row) AS result
  FROM (SELECT todo.position, row_number() OVER (ORDER BY todo.id) AS place FROM opledger_todo AS todo) AS numbered
  JOIN (SELECT opledger_fresh AS whole, row_number() OVER () AS place FROM opledger_fresh) AS made ON made.place = numbered.place
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT todo.id, todo.scope, todo.operation, todo.key, todo.fingerprint, 1, done.result, clock_timestamp(),
    clock_timestamp() + todo.retention_ms * interval '1 millisecond'
  FROM opledger_done AS done JOIN opledger_todo AS todo ON todo.position = done."opledger_position"
  WHERE CASE WHEN (SELECT count(*) FROM opledger_fresh) = (SELECT count(*) FROM opledger_todo) THEN true ELSE CAST('opledger:rows-changed ' || done."opledger_position" AS boolean) END AND CASE WHEN octet_length(done.result) <= 1048576 THEN true
    ELSE CAST('opledger:result-too-large ' || octet_length(done.result) AS boolean) END
  ORDER BY todo.id
  RETURNING id, result
),
opledger_answer AS (
  SELECT input.position,
    CASE WHEN record.id IS NOT NULL THEN 'executed' WHEN prior.expired THEN 'expired'
      WHEN prior.fingerprint <> input.fingerprint THEN 'mismatch' WHEN prior.id IS NOT NULL THEN 'replayed'
      ELSE 'recheck' END AS status,
    CASE WHEN record.id IS NOT NULL THEN record.result
      WHEN prior.fingerprint = input.fingerprint AND NOT prior.expired THEN prior.result END AS result
  FROM opledger_input AS input LEFT JOIN opledger_record AS record ON record.id = input.id
    LEFT JOIN opledger_prior AS prior ON prior.id = input.id
)
SELECT filled.position::text AS "opledger$position", filled.status AS "opledger$status", (filled.stored).*
FROM (
  SELECT answer.position, answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "payments" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM opledger_answer AS answer OFFSET 0
) AS filled;

-- with a natural key
-- name: opledger_b063bcdf0a710d603a6c46f2
-- $1 = "[{\"position\":0,\"id\":\"272bdc3f-7d9f-db14-dd6f-638c84ec35f9\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --0\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":7,\"amount\":424,\"note\":\"'; DROP TABLE users; --\"}},{\"position\":1,\"id\":\"8ee832ab-40a3-7dfe-e642-e1023414d8b4\",\"scope\":\"'; DROP TABLE users; --\",\"operation\":\"'; DROP TABLE users; --\",\"key\":\"'; DROP TABLE users; --1\",\"fingerprint\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"retention_ms\":604800000,\"given\":{\"id\":7,\"amount\":424,\"note\":\"'; DROP TABLE users; --\"}}]"
-- $2 = "10000"
WITH 
opledger_input AS MATERIALIZED (
  SELECT entry.position, entry.id, entry.scope, entry.operation, entry.key, decode(entry.fingerprint, 'hex') AS fingerprint,
    entry.retention_ms, json_populate_record((SELECT opledger_row FROM "app"."payments" AS opledger_row WHERE false), entry.given) AS given
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
opledger_fresh AS (
  INSERT INTO "app"."payments" AS target ("id", "amount", "note")
  SELECT (todo.given)."id", (todo.given)."amount", (todo.given)."note" FROM opledger_todo AS todo ORDER BY (todo.given)."id", (todo.given)."note", todo.position
  ON CONFLICT ("id", "note") DO NOTHING
  RETURNING target.*
),
opledger_ranked AS MATERIALIZED (SELECT todo.*, row_number() OVER (PARTITION BY (todo.given)."id", (todo.given)."note" ORDER BY todo.position) = 1 AS first FROM opledger_todo AS todo),
opledger_done AS (
  SELECT ranked.position AS "opledger_position", (SELECT convert_to(chr(2) || CASE WHEN ranked.first THEN 'i' ELSE 'n' END || row_to_json(opledger_row)::text, 'UTF8') FROM (SELECT fresh."id") AS opledger_row) AS result
  FROM opledger_ranked AS ranked JOIN opledger_fresh AS fresh ON fresh."id" = (ranked.given)."id" AND fresh."note" = (ranked.given)."note"
  UNION ALL
  SELECT todo.position, (SELECT convert_to(chr(2) || 'n' || row_to_json(opledger_row)::text, 'UTF8') FROM (SELECT standing."id") AS opledger_row) AS result
  FROM opledger_todo AS todo JOIN "app"."payments" AS standing ON standing."id" = (todo.given)."id" AND standing."note" = (todo.given)."note"
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT todo.id, todo.scope, todo.operation, todo.key, todo.fingerprint, 1, done.result, clock_timestamp(),
    clock_timestamp() + todo.retention_ms * interval '1 millisecond'
  FROM opledger_done AS done JOIN opledger_todo AS todo ON todo.position = done."opledger_position"
  WHERE CASE WHEN (SELECT count(*) FROM opledger_fresh)
      = (SELECT count(*) FROM opledger_ranked AS ranked JOIN opledger_fresh AS fresh ON fresh."id" = (ranked.given)."id" AND fresh."note" = (ranked.given)."note" WHERE ranked.first) THEN true ELSE CAST('opledger:rows-changed ' || done."opledger_position" AS boolean) END AND CASE WHEN octet_length(done.result) <= 1048576 THEN true
    ELSE CAST('opledger:result-too-large ' || octet_length(done.result) AS boolean) END
  ORDER BY todo.id
  RETURNING id, result
),
opledger_answer AS (
  SELECT input.position,
    CASE WHEN record.id IS NOT NULL THEN 'executed' WHEN prior.expired THEN 'expired'
      WHEN prior.fingerprint <> input.fingerprint THEN 'mismatch' WHEN prior.id IS NOT NULL THEN 'replayed'
      ELSE 'recheck' END AS status,
    CASE WHEN record.id IS NOT NULL THEN record.result
      WHEN prior.fingerprint = input.fingerprint AND NOT prior.expired THEN prior.result END AS result
  FROM opledger_input AS input LEFT JOIN opledger_record AS record ON record.id = input.id
    LEFT JOIN opledger_prior AS prior ON prior.id = input.id
)
SELECT filled.position::text AS "opledger$position", filled.status AS "opledger$status", (filled.stored)."id"
FROM (
  SELECT answer.position, answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "app"."payments" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM opledger_answer AS answer OFFSET 0
) AS filled;
