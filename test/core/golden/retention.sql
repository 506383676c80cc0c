-- forget
-- name: opledger_d6c62e161778f9e14ecb52c7
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
DELETE FROM "public"."opledger_operations" WHERE id = $1::uuid AND expires_at <= clock_timestamp();

-- sweep
-- name: opledger_c2afd78ecbddf459b7ea4e4e
-- $1 = 1000
DELETE FROM "public"."opledger_operations" WHERE id = ANY (ARRAY(
  SELECT id FROM "public"."opledger_operations" WHERE expires_at <= statement_timestamp() AND state <> 0
  LIMIT $1::integer FOR UPDATE SKIP LOCKED
));
