import { conformance } from "../conformance/suite.js";
import { mysqlTarget } from "./mysql2.js";

conformance(
  mysqlTarget({
    name: "mysql2 other names × MySQL 9.7",
    server: "mysql",
    suite: "functional",
    cases: 364,
    ledger: { table: "weird `Ledger` é", aside: true },
  }),
);
