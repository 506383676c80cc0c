import { conformance } from "../conformance/suite.js";
import { postgresTarget } from "./postgres.js";

conformance(
  postgresTarget({ name: "pg pool × PostgreSQL 15", server: "postgres15", suite: "races", cases: 132 }),
);
