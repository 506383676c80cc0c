CREATE TABLE `opledger_operations` (
  `id` binary(16) NOT NULL,
  `scope` varchar(255) NOT NULL,
  `operation` varchar(255) NOT NULL,
  `key` varchar(255) NOT NULL,
  `fingerprint` binary(32) NOT NULL,
  `state` tinyint(4) NOT NULL,
  `result` mediumblob DEFAULT NULL,
  `created_at` datetime(6) NOT NULL,
  `expires_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `opledger_operations_expires_at_idx` (`expires_at`),
  CONSTRAINT `opledger_operations_state_check` CHECK (`state` between 0 and 2)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC COMMENT='opledger ledger, version 1';
