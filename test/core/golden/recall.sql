-- once
-- name: opledger_822e655d840570793e133a80
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
SELECT NULL AS token, CASE WHEN opledger_ledger.state = 0 THEN 'recheck' WHEN opledger_ledger.expires_at <= clock_timestamp() THEN 'expired'
    WHEN opledger_ledger.fingerprint <> $2::bytea THEN 'mismatch' WHEN opledger_ledger.state = 2 THEN 'failed' ELSE 'completed' END AS status,
  CASE WHEN opledger_ledger.fingerprint = $2::bytea THEN encode(opledger_ledger.result, 'base64') END AS result
FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid;

-- a bound write
-- name: opledger_99e097ff15d0167e040ebe01
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
SELECT filled.status AS "opledger$status", (filled.stored).*
FROM (
  SELECT CASE WHEN opledger_ledger.expires_at <= clock_timestamp() THEN 'expired'
      WHEN opledger_ledger.fingerprint = $2::bytea THEN 'replayed' || coalesce(' ' || chr(get_byte(opledger_ledger.result, 1)), '')
      ELSE 'mismatch' END AS status,
    CASE WHEN opledger_ledger.fingerprint = $2::bytea THEN json_populate_record((SELECT opledger_row FROM "payments" AS opledger_row WHERE false), nullif(convert_from(substring(opledger_ledger.result FROM 3), 'UTF8'), '')::json) END AS stored
  FROM "public"."opledger_operations" AS opledger_ledger WHERE opledger_ledger.id = $1::uuid OFFSET 0
) AS filled;
