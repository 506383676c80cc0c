import { conformance } from "../conformance/suite.js";
import { mysqlTarget } from "./mysql2.js";

conformance(
  mysqlTarget({
    name: "mysql2 callback pool, no FOUND_ROWS × MariaDB 10.11",
    server: "mariadb",
    suite: "functional",
    cases: 364,
    source: "pool",
    flags: ["-FOUND_ROWS"],
  }),
);
