DROP TABLE "public"."opledger_operations";
DROP FUNCTION "public"."opledger_operations_finished"();
