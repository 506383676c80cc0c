-- mark the work
-- name: none
SAVEPOINT opledger_work;

-- undo the work
-- name: none
ROLLBACK TO SAVEPOINT opledger_work;
