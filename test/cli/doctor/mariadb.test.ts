import { doctorOn } from "./mysql-family.js";

doctorOn({
  engine: "mariadb",
  isolation: "tx_isolation",
  statementLimit: ["max_statement_time", "2.5", 2_500],
  follow: ({ host, port }) => [
    `CHANGE MASTER TO MASTER_HOST = '${host}', MASTER_PORT = ${port}, MASTER_USER = 'root'`,
    "START SLAVE",
  ],
  altered: [],
  elsewhere: ["galera-state"],
});
