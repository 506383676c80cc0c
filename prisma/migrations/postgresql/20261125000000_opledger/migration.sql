-- opledger's operation ledger, version 1, for PostgreSQL 15 and later.

CREATE TABLE "public"."opledger_operations" (
  id          uuid        NOT NULL PRIMARY KEY,
  scope       text        NOT NULL,
  operation   text        NOT NULL,
  key         text        NOT NULL,
  fingerprint bytea       NOT NULL,
  state       smallint    NOT NULL, -- 0 claimed (never committed), 1 completed, 2 failed
  result      bytea,
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  CONSTRAINT "opledger_operations_state_check" CHECK (state BETWEEN 0 AND 2)
)
-- Statistics of a ledger that was still small make prepared plans scan it, until they are gathered anew; so not before it has grown.
WITH (autovacuum_analyze_threshold = 10000);

-- Rows arrive in the order of their expiry, nearly, so a few kilobytes of block ranges find the expired ones.
CREATE INDEX "opledger_operations_expires_at_idx" ON "public"."opledger_operations"
  USING brin (expires_at) WITH (pages_per_range = 16, autosummarize = on);

-- Whoever commits a claim whose work has not finished is refused: the effect and its ledger row commit together or not at all.
CREATE FUNCTION "public"."opledger_operations_finished"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM "public"."opledger_operations" WHERE id = NEW.id AND state = 0) THEN
    RAISE EXCEPTION 'opledger:unfinished: this transaction holds an operation whose work has not finished'
      USING ERRCODE = 'invalid_transaction_state',
      HINT = 'Work inside once() must not end the transaction it was given.';
  END IF;
  RETURN NULL;
END
$$;

-- A claim has no result yet. To ask for the state would cost every bound write, which is never a claim, a few microseconds more.
CREATE CONSTRAINT TRIGGER "opledger_operations_finished"
  AFTER INSERT OR UPDATE ON "public"."opledger_operations"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.result IS NULL)
  EXECUTE FUNCTION "public"."opledger_operations_finished"();

-- Tells opledger which steps this ledger has had, however they were run.
COMMENT ON TABLE "public"."opledger_operations" IS 'opledger ledger, version 1';
