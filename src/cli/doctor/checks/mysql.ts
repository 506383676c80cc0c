import { type Check, MYSQL_FAMILY, signIf } from "../check.js";
import { statusSql } from "./common.js";

/** More are counted, and not named. */
const NAMED_MAX = 5;

const flushLog: Check = {
  id: "flush-log-at-commit",
  severity: "error",
  engines: MYSQL_FAMILY,
  why: "The server acknowledges a commit before it is on disk. A crash loses what was acknowledged, ledger and effect together: whoever was told that it happened is wrong, and a retry executes again.",
  fix: "SET GLOBAL innodb_flush_log_at_trx_commit = 1, and in the server's configuration.",
  examine: ({ setting }) => {
    const value = setting("innodb_flush_log_at_trx_commit");
    return signIf(value !== "1", `innodb_flush_log_at_trx_commit is ${value}`);
  },
};

const syncBinlog: Check = {
  id: "sync-binlog",
  severity: "warning",
  engines: MYSQL_FAMILY,
  why: "After a crash the binary log may lack transactions that the server itself kept: replicas, and whoever fails over to them, never hear of them.",
  fix: "SET GLOBAL sync_binlog = 1, and in the server's configuration.",
  examine: ({ setting }) => {
    const value = setting("sync_binlog");
    return signIf(
      setting("log_bin") === "ON" && value !== "1",
      `the binary log is on, and sync_binlog is ${value}`,
    );
  },
};

const isolation: Check = {
  id: "isolation",
  severity: "error",
  engines: MYSQL_FAMILY,
  why: "At READ UNCOMMITTED a look for an earlier run sees results that are not committed, and may replay one that is then rolled back.",
  fix: "SET GLOBAL transaction_isolation = 'REPEATABLE-READ' or 'READ-COMMITTED'; MariaDB before 11.1 calls it tx_isolation.",
  examine: ({ setting }) => {
    const value = setting("transaction_isolation") ?? setting("tx_isolation");
    if (value === "READ-UNCOMMITTED") return [{ seen: "the isolation is READ-UNCOMMITTED" }];
    const seen = "the isolation is SERIALIZABLE: plain reads lock too, and duplicates meet more deadlocks";
    return signIf(value === "SERIALIZABLE", seen, { severity: "note" });
  },
};

const rollbackOnTimeout: Check = {
  id: "rollback-on-timeout",
  severity: "warning",
  engines: MYSQL_FAMILY,
  why: "A lock wait that times out then rolls back the whole transaction. Code that catches the error and goes on writes outside of any transaction, and each statement commits by itself.",
  fix: "Set innodb_rollback_on_timeout = OFF in the server's configuration (it takes a restart): opledger rolls back itself.",
  examine: ({ setting }) =>
    signIf(setting("innodb_rollback_on_timeout") === "ON", "innodb_rollback_on_timeout is ON"),
};

const sqlMode: Check = {
  id: "sql-mode-not-strict",
  severity: "error",
  engines: MYSQL_FAMILY,
  why: "The server cuts values that are too long and turns wrong ones into zeros, with a warning that nobody reads: the effect is another one than the payload says, and two long keys of your own tables may become one.",
  fix: "Add STRICT_TRANS_TABLES to sql_mode, globally and in the server's configuration.",
  examine: ({ setting }) => {
    const mode = setting("sql_mode") ?? "";
    const shown = mode === "" ? "empty" : mode;
    return signIf(!/\bSTRICT_(TRANS|ALL)_TABLES\b/.test(mode), `sql_mode is ${shown}`);
  },
};

const tableEngines: Check = {
  id: "non-transactional-tables",
  severity: "error",
  engines: MYSQL_FAMILY,
  why: "What is written to such a table stays where the transaction is rolled back: the effect is there and the ledger says that it never happened, so that a retry does it again.",
  fix: "ALTER TABLE … ENGINE = InnoDB.",
  examine: async ({ rows, schema }) => {
    const sql = `SELECT TABLE_NAME AS name, ENGINE AS engine FROM information_schema.TABLES
WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_TYPE = 'BASE TABLE' AND ENGINE NOT IN ('InnoDB', 'ROCKSDB', 'ndbcluster') ORDER BY 1`;
    const tables = await rows(sql, [schema]);
    const named = tables.slice(0, NAMED_MAX).map(({ name, engine }) => `${name} (${engine})`);
    const more = tables.length > NAMED_MAX ? ` and ${tables.length - NAMED_MAX} more` : "";
    return signIf(tables.length > 0, `not transactional: ${named.join(", ")}${more}`);
  },
};

const replicas: Check = {
  id: "asynchronous-replica",
  severity: "warning",
  engines: MYSQL_FAMILY,
  why: "A failover to a replica that has not got the last commits loses them, ledger and effect together; a retry then executes again. Effects outside of the database are not lost with them.",
  fix: "Use semi-synchronous replication, or accept it and reconcile effects outside of the database after a failover.",
  examine: async ({ engine, one }) => {
    const count = Number(
      await one("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'"),
    );
    const names = "'RPL_SEMI_SYNC_MASTER_STATUS', 'RPL_SEMI_SYNC_SOURCE_STATUS'";
    const semi = await one(
      statusSql(
        engine,
        `SELECT VARIABLE_VALUE FROM STATUS WHERE VARIABLE_NAME IN (${names}) AND VARIABLE_VALUE = 'ON'`,
      ),
    );
    return signIf(
      count > 0 && semi === undefined,
      `${count} ${count === 1 ? "replica follows" : "replicas follow"} asynchronously`,
    );
  },
};

const galera: Check = {
  id: "galera-state",
  severity: "error",
  engines: ["mariadb"],
  why: "A node that is not part of the cluster's primary component refuses claims, or answers from the past.",
  fix: "Connect to a node that is Synced in the Primary component; see why this one left (the server's log, SHOW STATUS LIKE 'wsrep%').",
  examine: async ({ rows, setting }) => {
    if (setting("wsrep_on") !== "ON" && (setting("wsrep_cluster_address") ?? "") === "") return [];
    const status = new Map(
      (await rows("SHOW GLOBAL STATUS LIKE 'wsrep%'")).map((row) => [
        String(row.Variable_name),
        String(row.Value),
      ]),
    );
    const [ready, component] = [status.get("wsrep_ready"), status.get("wsrep_cluster_status")];
    const wrong = ready !== "ON" || component !== "Primary";
    return signIf(wrong, `wsrep_ready is ${ready}, and the component is ${component}`);
  },
};

const group: Check = {
  id: "group-replication-state",
  severity: "error",
  engines: ["mysql"],
  why: "A member that is not ONLINE in a majority refuses claims or blocks them; commits may wait for ever.",
  fix: "Connect to a member that is ONLINE; see performance_schema.replication_group_members and the server's log.",
  examine: async ({ rows }) => {
    const members = await rows(
      "SELECT MEMBER_STATE AS state, MEMBER_ID = @@server_uuid AS own FROM performance_schema.replication_group_members WHERE MEMBER_ID <> ''",
    );
    const own = members.find(({ own: mine }) => Number(mine) === 1);
    const online = members.filter(({ state }) => state === "ONLINE").length;
    const wrong = members.length > 0 && (own?.state !== "ONLINE" || online * 2 <= members.length);
    return signIf(wrong, `this member is ${own?.state}, and ${online} of ${members.length} are ONLINE`);
  },
};

export const MYSQL_CHECKS: readonly Check[] = [
  flushLog,
  syncBinlog,
  isolation,
  rollbackOnTimeout,
  sqlMode,
  tableEngines,
  replicas,
  galera,
  group,
];
