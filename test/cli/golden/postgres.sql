opledger_operations.id uuid NOT NULL
opledger_operations.scope text NOT NULL
opledger_operations.operation text NOT NULL
opledger_operations.key text NOT NULL
opledger_operations.fingerprint bytea NOT NULL
opledger_operations.state smallint NOT NULL
opledger_operations.result bytea
opledger_operations.created_at timestamp with time zone NOT NULL
opledger_operations.expires_at timestamp with time zone NOT NULL
opledger_operations autovacuum_analyze_threshold=10000 IS opledger ledger, version 1
CREATE INDEX opledger_operations_expires_at_idx ON public.opledger_operations USING brin (expires_at) WITH (pages_per_range='16', autosummarize='on')
CREATE UNIQUE INDEX opledger_operations_pkey ON public.opledger_operations USING btree (id)
opledger_operations opledger_operations_finished TRIGGER DEFERRABLE INITIALLY DEFERRED
opledger_operations opledger_operations_pkey PRIMARY KEY (id)
opledger_operations opledger_operations_state_check CHECK (((state >= 0) AND (state <= 2)))
CREATE CONSTRAINT TRIGGER opledger_operations_finished AFTER INSERT OR UPDATE ON public.opledger_operations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.result IS NULL)) EXECUTE FUNCTION opledger_operations_finished()
CREATE OR REPLACE FUNCTION public.opledger_operations_finished()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF EXISTS (SELECT FROM "public"."opledger_operations" WHERE id = NEW.id AND state = 0) THEN
    RAISE EXCEPTION 'opledger:unfinished: this transaction holds an operation whose work has not finished'
      USING ERRCODE = 'invalid_transaction_state',
      HINT = 'Work inside once() must not end the transaction it was given.';
  END IF;
  RETURN NULL;
END
$function$

