import { conformance } from "../conformance/suite.js";
import { mysqlTarget } from "./mysql2.js";

// As where nobody may create or call routines: the statements are sent one by one.
conformance(
  mysqlTarget({
    name: "mysql2 pool, no procedures × MySQL 9.7",
    server: "mysql",
    suite: "functional",
    cases: 364,
    procedures: false,
  }),
);
