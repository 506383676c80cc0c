DROP VIEW `opledger_operations_version`;
DROP TABLE `opledger_operations`;
