-- opledger's operation ledger, version 1, for MySQL 8.0 and later.

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
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin ROW_FORMAT = DYNAMIC;

-- What the ledger would otherwise send one by one costs one round trip each. The procedures hold the statements on the
-- ledger itself, and run those on other tables as they are given, with the rights and the SQL mode of whoever calls
-- them. They are named after the table. A locking write first waits for whoever is writing the row, so that its read
-- sees it; a close without a scope completes a claim, and any other writes the whole row. That is said here since
-- MySQL's own client takes comments out of a procedure, and the ledger would not be the same by every way to make it.

DELIMITER //

CREATE PROCEDURE `opledger_operations_open`(
  IN `p_wait` INT, IN `p_mark` INT, IN `p_id` BINARY(16), IN `p_scope` VARCHAR(255) CHARACTER SET utf8mb4,
  IN `p_operation` VARCHAR(255) CHARACTER SET utf8mb4, IN `p_key` VARCHAR(255) CHARACTER SET utf8mb4,
  IN `p_fingerprint` BINARY(32), IN `p_retention` BIGINT
) MODIFIES SQL DATA SQL SECURITY INVOKER
BEGIN
  DECLARE `v_met`, `v_affected` BIGINT DEFAULT 0;
  DECLARE `v_wait` INT DEFAULT @@SESSION.innodb_lock_wait_timeout;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN
    SET SESSION innodb_lock_wait_timeout = `v_wait`;
    RESIGNAL;
  END;
  SET SESSION innodb_lock_wait_timeout = `p_wait`;
  START TRANSACTION;
  SAVEPOINT `opledger_claim`;
  BEGIN
    DECLARE CONTINUE HANDLER FOR 1062 SET `v_met` = 1;
    INSERT INTO `opledger_operations` (`id`, `scope`, `operation`, `key`, `fingerprint`, `state`, `created_at`, `expires_at`)
    VALUES (`p_id`, `p_scope`, `p_operation`, `p_key`, `p_fingerprint`, 0,
      UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL `p_retention` * 1000 MICROSECOND);
    SET `v_affected` = ROW_COUNT();
  END;
  IF `v_met` > 0 THEN
    SELECT CASE WHEN `state` = 0 THEN 'unfinished' WHEN `expires_at` <= UTC_TIMESTAMP(6) THEN 'expired'
      WHEN `fingerprint` <> `p_fingerprint` THEN 'mismatch' WHEN `state` = 2 THEN 'failed' ELSE 'completed' END AS `status`,
      CASE WHEN `fingerprint` = `p_fingerprint` THEN `result` END AS `result`
    FROM `opledger_operations` WHERE `id` = `p_id` LOCK IN SHARE MODE;
    ROLLBACK;
  ELSEIF `p_mark` > 0 THEN
    SAVEPOINT `opledger_work`;
  END IF;
  SET SESSION innodb_lock_wait_timeout = `v_wait`;
  SELECT `v_met` AS `opledger_met`, `v_affected` AS `opledger_affected`;
END//

CREATE PROCEDURE `opledger_operations_write`(
  IN `p_mode` LONGTEXT, IN `p_wait` INT, IN `p_id` BINARY(16), IN `p_fingerprint` BINARY(32), IN `p_locking` INT,
  IN `p_look_locks` INT, IN `p_look` LONGTEXT, IN `p_found` LONGTEXT, IN `p_absent` LONGTEXT, IN `p_row` LONGTEXT
) MODIFIES SQL DATA SQL SECURITY INVOKER
BEGIN
  DECLARE `v_met`, `v_affected`, `v_prior` BIGINT DEFAULT 0;
  DECLARE `v_wait` INT DEFAULT @@SESSION.innodb_lock_wait_timeout;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN
    SET SESSION innodb_lock_wait_timeout = `v_wait`, @opledger_sql = NULL;
    RESIGNAL;
  END;
  SET SESSION sql_mode = `p_mode`, SESSION innodb_lock_wait_timeout = `p_wait`;
  IF `p_locking` > 0 THEN
    SELECT COUNT(*) INTO `v_prior` FROM `opledger_operations` WHERE `id` = `p_id` LOCK IN SHARE MODE;
  END IF;
  SELECT CASE WHEN `state` = 0 THEN 'unfinished' WHEN `expires_at` <= UTC_TIMESTAMP(6) THEN 'expired'
    WHEN `fingerprint` <> `p_fingerprint` THEN 'mismatch' WHEN `state` = 2 THEN 'failed' ELSE 'completed' END AS `status`,
    CASE WHEN `fingerprint` = `p_fingerprint` THEN `result` END AS `result`
  FROM `opledger_operations` WHERE `id` = `p_id`;
  IF FOUND_ROWS() = 0 THEN
    IF `p_look_locks` > 0 OR `p_look` IS NULL THEN
      START TRANSACTION;
    END IF;
    IF `p_look` IS NOT NULL THEN
      SET @opledger_sql = `p_look`;
      PREPARE `opledger_statement` FROM @opledger_sql;
      EXECUTE `opledger_statement`;
      SET `v_met` = FOUND_ROWS();
      IF `p_look_locks` = 0 THEN
        START TRANSACTION;
      END IF;
    END IF;
    SET @opledger_sql = IF(`v_met` > 0, `p_found`, `p_absent`);
    IF @opledger_sql IS NOT NULL THEN
      PREPARE `opledger_statement` FROM @opledger_sql;
      EXECUTE `opledger_statement`;
      SET `v_affected` = ROW_COUNT();
    END IF;
    IF `p_row` IS NOT NULL THEN
      SET @opledger_sql = `p_row`;
      PREPARE `opledger_statement` FROM @opledger_sql;
      EXECUTE `opledger_statement`;
    END IF;
    DEALLOCATE PREPARE `opledger_statement`;
  END IF;
  SET SESSION innodb_lock_wait_timeout = `v_wait`, @opledger_sql = NULL;
  SELECT `v_met` AS `opledger_met`, `v_affected` AS `opledger_affected`;
END//

CREATE PROCEDURE `opledger_operations_close`(
  IN `p_wait` INT, IN `p_proof` INT, IN `p_id` BINARY(16), IN `p_state` INT, IN `p_result` MEDIUMBLOB,
  IN `p_scope` VARCHAR(255) CHARACTER SET utf8mb4, IN `p_operation` VARCHAR(255) CHARACTER SET utf8mb4,
  IN `p_key` VARCHAR(255) CHARACTER SET utf8mb4, IN `p_fingerprint` BINARY(32), IN `p_retention` BIGINT
) MODIFIES SQL DATA SQL SECURITY INVOKER
BEGIN
  DECLARE `v_wait` INT DEFAULT @@SESSION.innodb_lock_wait_timeout;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN
    SET SESSION innodb_lock_wait_timeout = `v_wait`;
    RESIGNAL;
  END;
  SET SESSION innodb_lock_wait_timeout = `p_wait`;
  IF `p_proof` > 0 THEN
    RELEASE SAVEPOINT `opledger_claim`;
  END IF;
  IF `p_scope` IS NULL THEN
    UPDATE `opledger_operations` SET `state` = `p_state`, `result` = `p_result` WHERE `id` = `p_id` AND `state` = 0;
  ELSE
    INSERT INTO `opledger_operations`
      (`id`, `scope`, `operation`, `key`, `fingerprint`, `state`, `result`, `created_at`, `expires_at`)
    VALUES (`p_id`, `p_scope`, `p_operation`, `p_key`, `p_fingerprint`, `p_state`, `p_result`,
      UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL `p_retention` * 1000 MICROSECOND);
  END IF;
  IF ROW_COUNT() <> 1 THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'opledger:not-ours';
  END IF;
  COMMIT;
  SET SESSION innodb_lock_wait_timeout = `v_wait`;
END//

DELIMITER ;

-- Tells opledger which steps this ledger has had, however they were run. It comes last: a ledger without it is unfinished.
ALTER TABLE `opledger_operations` COMMENT = 'opledger ledger, version 1';
