import { conformance } from "../conformance/suite.js";
import { mysqlTarget } from "./mysql2.js";

conformance(
  mysqlTarget({ name: "mysql2 pool × MariaDB 10.11", server: "mariadb", suite: "functional", cases: 364 }),
);
