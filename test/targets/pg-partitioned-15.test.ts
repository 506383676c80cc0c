import { conformance } from "../conformance/suite.js";
import { postgresTarget } from "./postgres.js";

conformance(
  postgresTarget({
    name: "pg partitioned × PostgreSQL 15",
    server: "postgres15",
    suite: "functional",
    cases: 364,
    partitioned: true,
  }),
);
