import { conformance } from "../conformance/suite.js";
import { postgresTarget } from "./postgres.js";

conformance(
  postgresTarget({ name: "pg pool × PostgreSQL 17", server: "postgres17", suite: "races", cases: 132 }),
);
