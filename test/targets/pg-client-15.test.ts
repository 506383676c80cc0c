import { conformance } from "../conformance/suite.js";
import { postgresTarget } from "./postgres.js";

conformance(
  postgresTarget({
    name: "pg client × PostgreSQL 15",
    server: "postgres15",
    suite: "functional",
    cases: 364,
    source: "client",
  }),
);
