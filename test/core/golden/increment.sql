-- increment
-- name: opledger_aab4fedec7f411ec54cb4fed
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "10000"
-- $7 = 604800000
-- $8 = 424n
-- $9 = "-0.50"
-- $10 = "'; DROP TABLE users; --"
WITH opledger_prior AS (
  SELECT opledger_ledger.fingerprint = $5::bytea AS same, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid
),
opledger_effect AS (
  UPDATE "accounts" AS target SET "balance" = target."balance" + $8, "fee" = target."fee" + $9
  WHERE target."id" = $10 AND target."closed_at" IS NULL AND NOT EXISTS (SELECT FROM opledger_prior) AND (SELECT set_config('lock_timeout', $6::text, true)) IS NOT NULL RETURNING target.*
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
  SELECT CASE WHEN record.result IS NOT NULL THEN 'executed' WHEN prior.same IS NULL THEN (CASE WHEN EXISTS (SELECT FROM "accounts" AS target WHERE target."id" = $10 AND target."closed_at" IS NULL) THEN 'recheck' ELSE 'not-found' END)
      WHEN prior.expired THEN 'expired' WHEN prior.same THEN 'replayed' ELSE 'mismatch' END AS status,
    CASE WHEN prior.same IS NULL THEN record.result WHEN prior.same AND NOT prior.expired THEN prior.result END AS result
  FROM (SELECT) AS one LEFT JOIN opledger_record AS record ON true LEFT JOIN opledger_prior AS prior ON true
)
SELECT opledger_filled.status AS "opledger$status", (opledger_filled.stored).*
FROM (
  SELECT answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "accounts" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM opledger_answer AS answer OFFSET 0
) AS opledger_filled;

-- with columns to redact
-- name: opledger_623dcdd96bb2f2e0f60a3e0a
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "1"
-- $7 = 604800000
-- $8 = ["pin'; DROP TABLE users; --"]
-- $9 = 424n
-- $10 = "-0.50"
-- $11 = "'; DROP TABLE users; --"
WITH opledger_prior AS (
  SELECT opledger_ledger.fingerprint = $5::bytea AS same, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid
),
opledger_wait AS MATERIALIZED (SELECT current_setting('lock_timeout') AS previous),
opledger_effect AS (
  UPDATE "accounts" AS target SET "balance" = target."balance" + $9, "fee" = target."fee" + $10
  WHERE target."id" = $11 AND target."closed_at" IS NULL AND NOT EXISTS (SELECT FROM opledger_prior) AND (SELECT set_config('lock_timeout', $6::text, true) FROM opledger_wait WHERE previous IS NOT NULL) IS NOT NULL RETURNING target.*
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 1, done.result, clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  FROM (SELECT (SELECT convert_to(chr(2) || 'u' || (to_jsonb(opledger_effect) - $8::text[])::text, 'UTF8') FROM opledger_effect) AS result OFFSET 0) AS done
  WHERE NOT EXISTS (SELECT FROM opledger_prior) AND CASE WHEN octet_length(done.result) <= 1048576 THEN true
    WHEN done.result IS NULL THEN false ELSE CAST('opledger:result-too-large ' || octet_length(done.result) AS boolean) END
  RETURNING result
),
opledger_answer AS (
  SELECT CASE WHEN record.result IS NOT NULL THEN 'executed' WHEN prior.same IS NULL THEN (CASE WHEN EXISTS (SELECT FROM "accounts" AS target WHERE target."id" = $11 AND target."closed_at" IS NULL) THEN 'recheck' ELSE 'not-found' END)
      WHEN prior.expired THEN 'expired' WHEN prior.same THEN 'replayed' ELSE 'mismatch' END AS status,
    CASE WHEN prior.same IS NULL THEN record.result WHEN prior.same AND NOT prior.expired THEN prior.result END AS result
  FROM (SELECT) AS one LEFT JOIN opledger_record AS record ON true LEFT JOIN opledger_prior AS prior ON true
)
SELECT opledger_filled.status AS "opledger$status", (opledger_filled.stored).*,
  set_config('lock_timeout', (SELECT previous FROM opledger_wait), true) AS "opledger$restored"
FROM (
  SELECT answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "accounts" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM opledger_answer AS answer OFFSET 0
) AS opledger_filled;

-- brief
-- name: opledger_0158da0f16439af732ef1a35
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "10000"
-- $7 = 604800000
-- $8 = 424n
-- $9 = "-0.50"
-- $10 = "'; DROP TABLE users; --"
WITH opledger_prior AS (
  SELECT opledger_ledger.fingerprint = $5::bytea AS same, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid
),
opledger_effect AS (
  UPDATE "accounts" AS target SET "balance" = target."balance" + $8, "fee" = target."fee" + $9
  WHERE target."id" = $10 AND target."closed_at" IS NULL AND NOT EXISTS (SELECT FROM opledger_prior) AND (SELECT set_config('lock_timeout', $6::text, true)) IS NOT NULL RETURNING target.*
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

-- brief, with columns to redact
-- name: opledger_a8cfd8580de284d146007d32
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "10000"
-- $7 = 604800000
-- $8 = ["pin'; DROP TABLE users; --"]
-- $9 = 424n
-- $10 = "-0.50"
-- $11 = "'; DROP TABLE users; --"
WITH opledger_prior AS (
  SELECT opledger_ledger.fingerprint = $5::bytea AS same, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid
),
opledger_effect AS (
  UPDATE "accounts" AS target SET "balance" = target."balance" + $9, "fee" = target."fee" + $10
  WHERE target."id" = $11 AND target."closed_at" IS NULL AND NOT EXISTS (SELECT FROM opledger_prior) AND (SELECT set_config('lock_timeout', $6::text, true)) IS NOT NULL RETURNING target.*
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 1, convert_to(chr(2) || 'u' || (to_jsonb(opledger_effect) - $8::text[])::text, 'UTF8'), clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  FROM opledger_effect
  RETURNING result,
    CASE WHEN octet_length(result) > 1048576 THEN CAST('opledger:result-too-large ' || octet_length(result) AS boolean) END
)
SELECT opledger_filled.status AS "opledger$status", (opledger_filled.stored).*
FROM (
  SELECT answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "accounts" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM (SELECT 'executed' AS status, record.result FROM opledger_record AS record
    UNION ALL SELECT CASE WHEN prior.expired THEN 'expired' WHEN prior.same THEN 'replayed' ELSE 'mismatch' END AS status, CASE WHEN prior.same AND NOT prior.expired THEN prior.result END AS result FROM opledger_prior AS prior) AS answer OFFSET 0
) AS opledger_filled;

-- of a fresh operation
-- name: opledger_000c51684b3a600539524153
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "10000"
-- $7 = 604800000
-- $8 = 424n
-- $9 = "-0.50"
-- $10 = "'; DROP TABLE users; --"
WITH opledger_prior AS (SELECT FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid),
opledger_effect AS (
  UPDATE "accounts" AS target SET "balance" = target."balance" + $8, "fee" = target."fee" + $9
  WHERE target."id" = $10 AND target."closed_at" IS NULL AND NOT EXISTS (SELECT FROM opledger_prior) AND (SELECT set_config('lock_timeout', $6::text, true)) IS NOT NULL RETURNING target.*
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
  FROM (SELECT 'rebuilt' AS status, record.result FROM opledger_record AS record) AS answer OFFSET 0
) AS opledger_filled;

-- brief, as returned
-- name: opledger_4405928b8a1df663b575c7a3
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "10000"
-- $7 = 604800000
-- $8 = 424n
-- $9 = "-0.50"
-- $10 = "'; DROP TABLE users; --"
WITH opledger_prior AS (
  SELECT opledger_ledger.fingerprint = $5::bytea AS same, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid
),
opledger_effect AS (
  UPDATE "accounts" AS target SET "balance" = target."balance" + $8, "fee" = target."fee" + $9
  WHERE target."id" = $10 AND target."closed_at" IS NULL AND NOT EXISTS (SELECT FROM opledger_prior) AND (SELECT set_config('lock_timeout', $6::text, true)) IS NOT NULL RETURNING target.*
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 1, convert_to(chr(2) || 'u' || row_to_json(opledger_effect)::text, 'UTF8'), clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  FROM opledger_effect
  RETURNING result,
    CASE WHEN octet_length(result) > 1048576 THEN CAST('opledger:result-too-large ' || octet_length(result) AS boolean) END
)
SELECT 'returned ' || 'u' AS "opledger$status", opledger_effect.* FROM opledger_effect
UNION ALL
SELECT opledger_filled.status AS "opledger$status", (opledger_filled.stored).*
FROM (
  SELECT answer.status || coalesce(' ' || chr(get_byte(answer.result, 1)), '') AS status, json_populate_record((SELECT opledger_row FROM "accounts" AS opledger_row WHERE false), nullif(convert_from(substring(answer.result FROM 3), 'UTF8'), '')::json) AS stored
  FROM (SELECT CASE WHEN prior.expired THEN 'expired' WHEN prior.same THEN 'replayed' ELSE 'mismatch' END AS status, CASE WHEN prior.same AND NOT prior.expired THEN prior.result END AS result FROM opledger_prior AS prior) AS answer OFFSET 0
) AS opledger_filled;

-- of a fresh operation, as returned
-- name: opledger_37ec000906b9d85199c3682b
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "10000"
-- $7 = 604800000
-- $8 = 424n
-- $9 = "-0.50"
-- $10 = "'; DROP TABLE users; --"
WITH opledger_prior AS (SELECT FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid),
opledger_effect AS (
  UPDATE "accounts" AS target SET "balance" = target."balance" + $8, "fee" = target."fee" + $9
  WHERE target."id" = $10 AND target."closed_at" IS NULL AND NOT EXISTS (SELECT FROM opledger_prior) AND (SELECT set_config('lock_timeout', $6::text, true)) IS NOT NULL RETURNING target.*
),
opledger_record AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 1, convert_to(chr(2) || 'u' || row_to_json(opledger_effect)::text, 'UTF8'), clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  FROM opledger_effect
  RETURNING result,
    CASE WHEN octet_length(result) > 1048576 THEN CAST('opledger:result-too-large ' || octet_length(result) AS boolean) END
)
SELECT 'returned ' || 'u' AS "opledger$status", opledger_effect.* FROM opledger_effect;
