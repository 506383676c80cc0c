import { conformance } from "../conformance/suite.js";
import { typeormSqliteTarget } from "./typeorm-sqlite.js";

conformance(
  typeormSqliteTarget({ name: "typeorm × SQLite, sql.js", driver: "sqljs", suite: "functional", cases: 362 }),
);
