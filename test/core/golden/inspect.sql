-- inspect
-- name: opledger_3d4d5a34a9435fda0fdaf13a
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
SELECT id::text, scope, operation, key, fingerprint, result,
  CASE state WHEN 2 THEN 'failed' ELSE 'completed' END AS status,
  (extract(epoch FROM created_at) * 1000)::text AS created_ms, (extract(epoch FROM expires_at) * 1000)::text AS expires_ms,
  (expires_at <= clock_timestamp())::text AS expired
FROM "public"."opledger_operations" WHERE id = $1::uuid;
