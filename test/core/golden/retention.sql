-- forget
-- name: opledger_77769869a012494851d12413
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = "10000"
WITH wait AS MATERIALIZED (SELECT current_setting('lock_timeout') AS previous),
gone AS (
  DELETE FROM "public"."opledger_operations" WHERE id = $1::uuid AND expires_at <= clock_timestamp() AND (SELECT set_config('lock_timeout', $2::text, true) FROM wait WHERE previous IS NOT NULL) IS NOT NULL RETURNING 1
)
SELECT set_config('lock_timeout', wait.previous, true) AS restored FROM wait LEFT JOIN gone ON true;

-- sweep
-- name: opledger_a81391992aea7fa3ad4cc0fd
-- $1 = 1000
DELETE FROM "public"."opledger_operations" WHERE id = ANY (ARRAY(
  SELECT opledger_ledger.id FROM "public"."opledger_operations" AS opledger_ledger
  WHERE opledger_ledger.expires_at <= statement_timestamp() AND opledger_ledger.state <> 0
  LIMIT $1::integer FOR UPDATE SKIP LOCKED
));
