-- opledger's operation ledger, version 1, for SQLite 3.38 and later.

CREATE TABLE `opledger_operations` (
  `id`          BLOB    NOT NULL PRIMARY KEY CHECK (length(`id`) = 16),
  `scope`       TEXT    NOT NULL,
  `operation`   TEXT    NOT NULL,
  `key`         TEXT    NOT NULL,
  `fingerprint` BLOB    NOT NULL,
  `state`       INTEGER NOT NULL CHECK (`state` BETWEEN 0 AND 2), -- 0 claimed (never committed), 1 completed, 2 failed
  `result`      BLOB,
  `created_at`  INTEGER NOT NULL, -- milliseconds since 1970
  `expires_at`  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX `opledger_operations_expires_at_idx` ON `opledger_operations` (`expires_at`);

-- Tells opledger which steps this ledger has had, however they were run.
CREATE VIEW `opledger_operations_version` AS SELECT 1 AS version;
