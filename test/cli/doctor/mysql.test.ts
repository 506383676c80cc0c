import { doctorOn } from "./mysql-family.js";

doctorOn({
  engine: "mysql",
  isolation: "transaction_isolation",
  statementLimit: ["max_execution_time", "2500", 2_500],
  follow: ({ host, port }) => [
    `CHANGE REPLICATION SOURCE TO SOURCE_HOST = '${host}', SOURCE_PORT = ${port}, SOURCE_USER = 'root', GET_SOURCE_PUBLIC_KEY = 1`,
    "START REPLICA",
  ],
  altered: [["DROP PROCEDURE $t_write", "lacks procedure ledger_write"]],
  elsewhere: ["group-replication-state"],
});
