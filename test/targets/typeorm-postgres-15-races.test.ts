import { conformance } from "../conformance/suite.js";
import { typeormTarget } from "./typeorm.js";

conformance(
  typeormTarget({ name: "typeorm × PostgreSQL 15", server: "postgres15", suite: "races", cases: 132 }),
);
