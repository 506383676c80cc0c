-- opledger's operation ledger, version 1, for MariaDB 10.11 and later.
-- The table's comment tells opledger which steps this ledger has had, however they were run.

CREATE TABLE `opledger_operations` (
  `id`          BINARY(16)   NOT NULL PRIMARY KEY,
  `scope`       VARCHAR(255) NOT NULL,
  `operation`   VARCHAR(255) NOT NULL,
  `key`         VARCHAR(255) NOT NULL,
  `fingerprint` BINARY(32)   NOT NULL,
  `state`       TINYINT      NOT NULL, -- 0 claimed (never committed), 1 completed, 2 failed
  `result`      MEDIUMBLOB,
  `created_at`  DATETIME(6)  NOT NULL, -- UTC, whatever the session's time zone
  `expires_at`  DATETIME(6)  NOT NULL,
  CONSTRAINT `opledger_operations_state_check` CHECK (`state` BETWEEN 0 AND 2),
  KEY `opledger_operations_expires_at_idx` (`expires_at`)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin ROW_FORMAT = DYNAMIC
  COMMENT = 'opledger ledger, version 1';
