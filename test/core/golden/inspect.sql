-- inspect
-- name: opledger_55f7fdc78936506f176bdf7f
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
SELECT opledger_ledger.id::text, opledger_ledger.scope, opledger_ledger.operation, opledger_ledger.key,
  encode(opledger_ledger.fingerprint, 'hex') AS fingerprint, encode(opledger_ledger.result, 'base64') AS result,
  CASE opledger_ledger.state WHEN 2 THEN 'failed' ELSE 'completed' END AS status,
  (extract(epoch FROM opledger_ledger.created_at) * 1000)::text AS created_ms,
  (extract(epoch FROM opledger_ledger.expires_at) * 1000)::text AS expires_ms,
  (opledger_ledger.expires_at <= clock_timestamp())::text AS expired
FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid;
