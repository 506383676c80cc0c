import { conformance } from "../conformance/suite.js";
import { typeormTarget } from "./typeorm.js";

conformance(
  typeormTarget({ name: "typeorm × MariaDB 10.11", server: "mariadb", suite: "races", cases: 132 }),
);
