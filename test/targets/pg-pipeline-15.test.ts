import { conformance } from "../conformance/suite.js";
import { postgresTarget } from "./postgres.js";

conformance(
  postgresTarget({
    name: "pg pipeline × PostgreSQL 15",
    server: "postgres15",
    suite: "functional",
    cases: 357,
    source: "pipeline",
  }),
);
