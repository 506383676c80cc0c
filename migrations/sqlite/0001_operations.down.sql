DROP TABLE `opledger_operations`;
