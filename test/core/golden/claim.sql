-- claim
-- name: opledger_606f43f72254f54cccb44a20
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "10000"
-- $7 = 604800000
WITH guard AS MATERIALIZED (
  SELECT current_setting('lock_timeout') AS previous, set_config('lock_timeout', $6::text, true) AS set
),
prior AS (
  SELECT fingerprint, state, result, expires_at <= clock_timestamp() AS expired FROM "public"."opledger_operations" WHERE id = $1::uuid
),
claimed AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 0, clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  FROM guard WHERE guard.set IS NOT NULL AND NOT EXISTS (SELECT FROM prior)
  ON CONFLICT (id) DO NOTHING
  RETURNING pg_current_xact_id()::text AS token
)
SELECT (SELECT token FROM claimed) AS token,
  CASE WHEN prior.state IS NULL OR prior.state = 0 THEN 'recheck' WHEN prior.expired THEN 'expired'
    WHEN prior.fingerprint <> $5::bytea THEN 'mismatch' WHEN prior.state = 2 THEN 'failed' ELSE 'completed' END AS status,
  CASE WHEN prior.fingerprint = $5::bytea THEN prior.result END AS result,
  set_config('lock_timeout', CASE WHEN (SELECT count(*) FROM claimed) >= 0 THEN guard.previous END, true) AS restored
FROM guard LEFT JOIN prior ON true;
