-- completed
-- name: opledger_6bdbc2715514979a64a7a40d
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = 1
-- $3 = \x273b2044524f50205441424c452075736572733b202d2d
-- $4 = "731"
WITH done AS (
  UPDATE "public"."opledger_operations" SET state = $2::smallint, result = $3::bytea
  WHERE id = $1::uuid AND state = 0 AND pg_current_xact_id()::text = $4::text
  RETURNING 1
)
SELECT CASE count(*) WHEN 1 THEN 1 ELSE CAST('opledger:not-ours ' || count(*) AS integer) END FROM done;

-- failed
-- name: opledger_6bdbc2715514979a64a7a40d
-- $1 = "b091dd69-5b6f-09f5-819b-f091ae661dcf"
-- $2 = 2
-- $3 = \x273b2044524f50205441424c452075736572733b202d2d
-- $4 = "731"
WITH done AS (
  UPDATE "public"."opledger_operations" SET state = $2::smallint, result = $3::bytea
  WHERE id = $1::uuid AND state = 0 AND pg_current_xact_id()::text = $4::text
  RETURNING 1
)
SELECT CASE count(*) WHEN 1 THEN 1 ELSE CAST('opledger:not-ours ' || count(*) AS integer) END FROM done;
