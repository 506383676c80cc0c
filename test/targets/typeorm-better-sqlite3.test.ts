import { conformance } from "../conformance/suite.js";
import { typeormSqliteTarget } from "./typeorm-sqlite.js";

conformance(
  typeormSqliteTarget({
    name: "typeorm × SQLite, better-sqlite3",
    driver: "better-sqlite3",
    suite: "functional",
    cases: 362,
  }),
);
