import { conformance } from "../conformance/suite.js";
import { postgresTarget } from "./postgres.js";

conformance(
  postgresTarget({ name: "pg pool × PostgreSQL 18", server: "postgres18", suite: "races", cases: 132 }),
);
