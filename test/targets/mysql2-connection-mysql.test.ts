import { conformance } from "../conformance/suite.js";
import { mysqlTarget } from "./mysql2.js";

conformance(
  mysqlTarget({
    name: "mysql2 connection × MySQL 9.7",
    server: "mysql",
    suite: "functional",
    cases: 364,
    source: "connection",
  }),
);
