-- set
-- name: opledger_4aa513516ddaadd1b40098cc
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
  UPDATE "accounts" AS target SET "status" = $8
  WHERE target."id" = $9 AND target."closed_at" IS NULL AND NOT EXISTS (SELECT FROM opledger_prior) AND (SELECT set_config('lock_timeout', $6::text, true)) IS NOT NULL RETURNING target.*
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 1, done.result, clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  FROM (SELECT (SELECT convert_to(chr(2) || 'u' || row_to_json(opledger_effect)::text, 'UTF8') FROM opledger_effect) AS result OFFSET 0) AS done
  WHERE NOT EXISTS (SELECT FROM opledger_prior) AND CASE WHEN octet_length(done.result) <= 1048576 THEN true
    WHEN done.result IS NULL THEN false ELSE CAST('opledger:result-too-large ' || octet_length(done.result) AS boolean) END
  RETURNING result
),
opledger_answer AS (
  SELECT CASE WHEN record.result IS NOT NULL THEN 'executed' WHEN prior.same IS NULL THEN (CASE WHEN EXISTS (SELECT FROM "accounts" AS target WHERE target."id" = $9 AND target."closed_at" IS NULL) THEN 'recheck' ELSE 'not-found' END)
      WHEN prior.expired THEN 'expired' WHEN prior.same THEN 'replayed' ELSE 'mismatch' END AS status,
    CASE WHEN prior.same IS NULL THEN record.result WHEN prior.same AND NOT prior.expired THEN prior.result END AS result
  FROM (SELECT) AS one LEFT JOIN opledger_record AS record ON true LEFT JOIN opledger_prior AS prior ON true
)
SELECT opledger_filled.status AS "opledger$status", (opledger_filled.stored).*
FROM (
  SELECT answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "accounts" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM opledger_answer AS answer OFFSET 0
) AS opledger_filled;

-- compare-and-set
-- name: opledger_a1fff1332f18f9227ad02ec1
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "10000"
-- $7 = 604800000
-- $8 = "'; DROP TABLE users; --"
-- $9 = "'; DROP TABLE users; --"
-- $10 = 3
WITH opledger_prior AS (
  SELECT opledger_ledger.fingerprint = $5::bytea AS same, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid
),
opledger_effect AS (
  UPDATE "accounts" AS target SET "status" = $8, "revision" = target."revision" + 1
  WHERE target."id" = $9 AND target."closed_at" IS NULL AND target."revision" = $10 AND NOT EXISTS (SELECT FROM opledger_prior) AND (SELECT set_config('lock_timeout', $6::text, true)) IS NOT NULL RETURNING target.*
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 1, done.result, clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  FROM (SELECT (SELECT convert_to(chr(2) || 'u' || row_to_json(opledger_effect)::text, 'UTF8') FROM opledger_effect) AS result OFFSET 0) AS done
  WHERE NOT EXISTS (SELECT FROM opledger_prior) AND CASE WHEN octet_length(done.result) <= 1048576 THEN true
    WHEN done.result IS NULL THEN false ELSE CAST('opledger:result-too-large ' || octet_length(done.result) AS boolean) END
  RETURNING result
),
opledger_answer AS (
  SELECT CASE WHEN record.result IS NOT NULL THEN 'executed' WHEN prior.same IS NULL THEN (SELECT coalesce(
        (SELECT CASE WHEN target."revision" = $10 THEN 'recheck' ELSE 'version-conflict ' || coalesce(target."revision"::text, '') END
         FROM "accounts" AS target WHERE target."id" = $9 AND target."closed_at" IS NULL), 'not-found'))
      WHEN prior.expired THEN 'expired' WHEN prior.same THEN 'replayed' ELSE 'mismatch' END AS status,
    CASE WHEN prior.same IS NULL THEN record.result WHEN prior.same AND NOT prior.expired THEN prior.result END AS result
  FROM (SELECT) AS one LEFT JOIN opledger_record AS record ON true LEFT JOIN opledger_prior AS prior ON true
)
SELECT opledger_filled.status AS "opledger$status", (opledger_filled.stored).*
FROM (
  SELECT answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "accounts" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM opledger_answer AS answer OFFSET 0
) AS opledger_filled;

-- brief
-- name: opledger_a1b6e7cfa35cc22671d7deaa
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "10000"
-- $7 = 604800000
-- $8 = "'; DROP TABLE users; --"
-- $9 = "'; DROP TABLE users; --"
-- $10 = 3
WITH opledger_prior AS (
  SELECT opledger_ledger.fingerprint = $5::bytea AS same, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid
),
opledger_effect AS (
  UPDATE "accounts" AS target SET "status" = $8, "version" = target."version" + 1
  WHERE target."id" = $9 AND target."closed_at" IS NULL AND target."version" = $10 AND NOT EXISTS (SELECT FROM opledger_prior) AND (SELECT set_config('lock_timeout', $6::text, true)) IS NOT NULL RETURNING target.*
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 1, convert_to(chr(2) || 'u' || row_to_json(opledger_effect)::text, 'UTF8'), clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  FROM opledger_effect
  RETURNING result,
    CASE WHEN octet_length(result) > 1048576 THEN CAST('opledger:result-too-large ' || octet_length(result) AS boolean) END
)
SELECT opledger_filled.status AS "opledger$status", (opledger_filled.stored).*
FROM (
  SELECT answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "accounts" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM (SELECT 'rebuilt' AS status, record.result FROM opledger_record AS record
    UNION ALL SELECT CASE WHEN prior.expired THEN 'expired' WHEN prior.same THEN 'replayed' ELSE 'mismatch' END AS status, CASE WHEN prior.same AND NOT prior.expired THEN prior.result END AS result FROM opledger_prior AS prior) AS answer OFFSET 0
) AS opledger_filled;
