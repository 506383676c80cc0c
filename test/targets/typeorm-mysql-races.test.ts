import { conformance } from "../conformance/suite.js";
import { typeormTarget } from "./typeorm.js";

conformance(typeormTarget({ name: "typeorm × MySQL 9.7", server: "mysql", suite: "races", cases: 132 }));
