DELIMITER ;
DROP PROCEDURE IF EXISTS `opledger_operations_open`;
DROP PROCEDURE IF EXISTS `opledger_operations_write`;
DROP PROCEDURE IF EXISTS `opledger_operations_close`;
DROP TABLE `opledger_operations`;
