DROP TABLE "public"."opledger_operations";
DROP FUNCTION "public"."opledger_operations_finished"();
DROP FUNCTION "public"."opledger_operations_create_partitions"(integer, integer);
DROP FUNCTION "public"."opledger_operations_drop_partitions"(integer);
DROP FUNCTION "public"."opledger_operations_floor"(date);
