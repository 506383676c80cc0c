-- claim
-- name: opledger_4318dd63d3e4a06c404df6e8
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "10000"
-- $7 = 604800000
WITH wait AS MATERIALIZED (SELECT current_setting('lock_timeout') AS previous),
prior AS (
  SELECT opledger_ledger.fingerprint, opledger_ledger.state, opledger_ledger.result,
    opledger_ledger.expires_at <= clock_timestamp() AS expired
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid
),
claimed AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 0, clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  WHERE (SELECT set_config('lock_timeout', $6::text, true) FROM wait WHERE previous IS NOT NULL) IS NOT NULL AND NOT EXISTS (SELECT FROM prior)
  ON CONFLICT (id) DO NOTHING
  RETURNING pg_current_xact_id()::text AS token
)
SELECT claimed.token,
  CASE WHEN prior.state IS NULL OR prior.state = 0 THEN 'recheck' WHEN prior.expired THEN 'expired'
    WHEN prior.fingerprint <> $5::bytea THEN 'mismatch' WHEN prior.state = 2 THEN 'failed' ELSE 'completed' END AS status,
  CASE WHEN prior.fingerprint = $5::bytea THEN encode(prior.result, 'base64') END AS result, set_config('lock_timeout', wait.previous, true) AS restored
FROM wait LEFT JOIN prior ON true LEFT JOIN claimed ON true;

-- of a fresh operation
-- name: opledger_b33bd06536ca7ae639856c83
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "scope'; DROP TABLE users; --"
-- $3 = "operation'; DROP TABLE users; --"
-- $4 = "key'; DROP TABLE users; --"
-- $5 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
-- $6 = "10000"
-- $7 = 604800000
WITH wait AS MATERIALIZED (SELECT current_setting('lock_timeout') AS previous),
claimed AS (
  INSERT INTO "public"."opledger_operations" (id, scope, operation, key, fingerprint, state, created_at, expires_at)
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bytea, 0, clock_timestamp(),
    clock_timestamp() + $7::float8 * interval '1 millisecond'
  WHERE (SELECT set_config('lock_timeout', $6::text, true) FROM wait WHERE previous IS NOT NULL) IS NOT NULL
  ON CONFLICT (id) DO NOTHING
  RETURNING pg_current_xact_id()::text AS token
)
SELECT claimed.token, 'open' AS status, set_config('lock_timeout', wait.previous, true) AS restored FROM wait LEFT JOIN claimed ON true;
