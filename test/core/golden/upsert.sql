-- all but the key
-- name: opledger_7c9a15ed0fd4359bc63d0ec0
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "10000"
-- $7 = 604800000
-- $8 = "'; DROP TABLE users; --"
-- $9 = "'; DROP TABLE users; --"
WITH opledger_prior AS (
  SELECT opledger_ledger.fingerprint = $5::bytea AS same, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid
),
opledger_effect AS (
  INSERT INTO "users" AS target ("email", "name")
  SELECT $8, $9
  WHERE NOT EXISTS (SELECT FROM opledger_prior) AND (SELECT set_config('lock_timeout', $6::text, true)) IS NOT NULL AND (SELECT set_config('opledger.effect', 'i', true)) IS NOT NULL
  ON CONFLICT ("email") DO UPDATE SET "name" = EXCLUDED."name"
  WHERE set_config('opledger.effect', 'u', true) IS NOT NULL
  RETURNING target.*
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 1, done.result, clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  FROM (SELECT (SELECT convert_to(chr(2) || current_setting('opledger.effect') || row_to_json(opledger_effect)::text, 'UTF8') FROM opledger_effect) AS result OFFSET 0) AS done
  WHERE NOT EXISTS (SELECT FROM opledger_prior) AND CASE WHEN octet_length(done.result) <= 1048576 THEN true
    WHEN done.result IS NULL THEN false ELSE CAST('opledger:result-too-large ' || octet_length(done.result) AS boolean) END
  RETURNING result
),
opledger_answer AS (
  SELECT CASE WHEN record.result IS NOT NULL THEN 'executed' WHEN prior.same IS NULL THEN ('recheck')
      WHEN prior.expired THEN 'expired' WHEN prior.same THEN 'replayed' ELSE 'mismatch' END AS status,
    CASE WHEN prior.same IS NULL THEN record.result WHEN prior.same AND NOT prior.expired THEN prior.result END AS result
  FROM (SELECT) AS one LEFT JOIN opledger_record AS record ON true LEFT JOIN opledger_prior AS prior ON true
)
SELECT opledger_filled.status AS "opledger$status", (opledger_filled.stored).*
FROM (
  SELECT answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "users" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM opledger_answer AS answer OFFSET 0
) AS opledger_filled;

-- with columns to redact
-- name: opledger_f0846146a311eb49e414f5b0
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "1"
-- $7 = 604800000
-- $8 = ["pin'; DROP TABLE users; --"]
-- $9 = "'; DROP TABLE users; --"
-- $10 = "'; DROP TABLE users; --"
WITH opledger_prior AS (
  SELECT opledger_ledger.fingerprint = $5::bytea AS same, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid
),
opledger_wait AS MATERIALIZED (SELECT current_setting('lock_timeout') AS previous),
opledger_effect AS (
  INSERT INTO "users" AS target ("email", "name")
  SELECT $9, $10
  WHERE NOT EXISTS (SELECT FROM opledger_prior) AND (SELECT set_config('lock_timeout', $6::text, true) FROM opledger_wait WHERE previous IS NOT NULL) IS NOT NULL AND (SELECT set_config('opledger.effect', 'i', true)) IS NOT NULL
  ON CONFLICT ("email") DO UPDATE SET "name" = EXCLUDED."name"
  WHERE set_config('opledger.effect', 'u', true) IS NOT NULL
  RETURNING target.*
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 1, done.result, clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  FROM (SELECT (SELECT convert_to(chr(2) || current_setting('opledger.effect') || (to_jsonb(opledger_effect) - $8::text[])::text, 'UTF8') FROM opledger_effect) AS result OFFSET 0) AS done
  WHERE NOT EXISTS (SELECT FROM opledger_prior) AND CASE WHEN octet_length(done.result) <= 1048576 THEN true
    WHEN done.result IS NULL THEN false ELSE CAST('opledger:result-too-large ' || octet_length(done.result) AS boolean) END
  RETURNING result
),
opledger_answer AS (
  SELECT CASE WHEN record.result IS NOT NULL THEN 'executed' WHEN prior.same IS NULL THEN ('recheck')
      WHEN prior.expired THEN 'expired' WHEN prior.same THEN 'replayed' ELSE 'mismatch' END AS status,
    CASE WHEN prior.same IS NULL THEN record.result WHEN prior.same AND NOT prior.expired THEN prior.result END AS result
  FROM (SELECT) AS one LEFT JOIN opledger_record AS record ON true LEFT JOIN opledger_prior AS prior ON true
)
SELECT opledger_filled.status AS "opledger$status", (opledger_filled.stored).*,
  set_config('lock_timeout', (SELECT previous FROM opledger_wait), true) AS "opledger$restored"
FROM (
  SELECT answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "users" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM opledger_answer AS answer OFFSET 0
) AS opledger_filled;

-- brief
-- name: opledger_7021f883d3767eb584eb54ca
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "10000"
-- $7 = 604800000
-- $8 = "'; DROP TABLE users; --"
-- $9 = "'; DROP TABLE users; --"
WITH opledger_prior AS (
  SELECT opledger_ledger.fingerprint = $5::bytea AS same, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid
),
opledger_effect AS (
  INSERT INTO "users" AS target ("email", "name")
  SELECT $8, $9
  WHERE NOT EXISTS (SELECT FROM opledger_prior) AND (SELECT set_config('lock_timeout', $6::text, true)) IS NOT NULL AND (SELECT set_config('opledger.effect', 'i', true)) IS NOT NULL
  ON CONFLICT ("email") DO UPDATE SET "name" = EXCLUDED."name"
  WHERE set_config('opledger.effect', 'u', true) IS NOT NULL
  RETURNING target.*
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 1, convert_to(chr(2) || current_setting('opledger.effect') || row_to_json(opledger_effect)::text, 'UTF8'), clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  FROM opledger_effect
  RETURNING result,
    CASE WHEN octet_length(result) > 1048576 THEN CAST('opledger:result-too-large ' || octet_length(result) AS boolean) END
)
SELECT opledger_filled.status AS "opledger$status", (opledger_filled.stored).*
FROM (
  SELECT answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "users" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM (SELECT 'rebuilt' AS status, record.result FROM opledger_record AS record
    UNION ALL SELECT CASE WHEN prior.expired THEN 'expired' WHEN prior.same THEN 'replayed' ELSE 'mismatch' END AS status, CASE WHEN prior.same AND NOT prior.expired THEN prior.result END AS result FROM opledger_prior AS prior) AS answer OFFSET 0
) AS opledger_filled;
