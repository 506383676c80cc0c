import { conformance } from "../conformance/suite.js";
import { postgresTarget } from "./postgres.js";
import { postgresOnly } from "./postgres-only.js";

conformance(
  postgresTarget({
    name: "pg pool × PostgreSQL 15",
    server: "postgres15",
    suite: "functional",
    cases: 399,
    extras: postgresOnly,
  }),
);
