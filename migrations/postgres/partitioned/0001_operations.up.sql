-- opledger's operation ledger, version 1, for PostgreSQL 15 and later, in daily partitions by the time in the operation's id.

-- There is no default partition: an id older than the oldest partition, one beyond the newest, and one that carries no time
-- is refused instead of being taken for a new operation.
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
) PARTITION BY RANGE (id);

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

-- The least id of a day: 48 bits of time in milliseconds, then nothing.
CREATE FUNCTION "public"."opledger_operations_floor"(day date) RETURNS uuid IMMUTABLE STRICT LANGUAGE sql AS $$
  SELECT (lpad(to_hex((extract(epoch FROM day) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the partitions of the days (in UTC) from `behind` days ago to `ahead` days from now, as far as they are missing, and
-- says how many it made. Run it daily, with more days ahead than it may fail to run. A partition is attached, which does not
-- keep others from the ledger; CREATE TABLE ... PARTITION OF would.
CREATE FUNCTION "public"."opledger_operations_create_partitions"(ahead integer DEFAULT 7, behind integer DEFAULT 7)
  RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  ledger regclass := (SELECT typrelid FROM pg_type WHERE oid = pg_typeof(NULL::"public"."opledger_operations")::oid);
  today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
  made integer := 0;
  place text;
  part text;
  since date;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('opledger partitions', ledger::oid::bigint));
  FOR since IN SELECT today + each FROM generate_series(-behind, ahead) AS each LOOP
    SELECT nspname, left(relname, 54) || '_' || to_char(since, 'YYYYMMDD') INTO place, part
      FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE pg_class.oid = ledger;
    CONTINUE WHEN EXISTS (
      SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = ledger AND relname = part
    );
    -- Statistics of a ledger that was still small make prepared plans scan it, until they are gathered anew.
    EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
      WITH (autovacuum_analyze_threshold = 10000)', place, part, ledger);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)', ledger, place, part,
      "public"."opledger_operations_floor"(since), "public"."opledger_operations_floor"(since + 1));
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;

-- Drops the partitions of days that ended at least `keep` days ago, and says how many. One that holds an operation still in
-- its retention is left alone, whatever its age. It waits two seconds at the most for those who use the ledger, and then
-- fails having dropped nothing; run it again.
CREATE FUNCTION "public"."opledger_operations_drop_partitions"(keep integer DEFAULT 8)
  RETURNS integer LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
  ledger regclass := (SELECT typrelid FROM pg_type WHERE oid = pg_typeof(NULL::"public"."opledger_operations")::oid);
  horizon uuid := "public"."opledger_operations_floor"((clock_timestamp() AT TIME ZONE 'UTC')::date - keep);
  dropped integer := 0;
  part regclass;
  needed boolean;
BEGIN
  FOR part IN
    SELECT pg_class.oid FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = ledger AND relispartition
      AND substring(pg_get_expr(relpartbound, pg_class.oid) FROM 'TO \(''([0-9a-f-]+)''\)')::uuid <= horizon
    ORDER BY relname
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE expires_at > clock_timestamp())', part) INTO needed;
    CONTINUE WHEN needed;
    -- Nobody may write to it any more while it is looked at again.
    EXECUTE format('LOCK TABLE ONLY %s, ONLY %s IN ACCESS EXCLUSIVE MODE', ledger, part);
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE expires_at > clock_timestamp())', part) INTO needed;
    CONTINUE WHEN needed;
    EXECUTE format('DROP TABLE %s', part);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END
$$;

SELECT "public"."opledger_operations_create_partitions"();

-- Tells opledger which steps this ledger has had, however they were run.
COMMENT ON TABLE "public"."opledger_operations" IS 'opledger ledger, version 1';
