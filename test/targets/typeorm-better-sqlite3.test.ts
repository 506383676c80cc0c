import { describe, it } from "vitest";
import { conformance } from "../conformance/suite.js";
import { hasDriver } from "../drivers.js";
import { typeormSqliteTarget } from "./typeorm-sqlite.js";

const name = "typeorm × SQLite, better-sqlite3";
if (hasDriver("better-sqlite3")) {
  conformance(typeormSqliteTarget({ name, driver: "better-sqlite3", suite: "functional", cases: 362 }));
} else {
  describe(name, () => {
    it.skip("conforms (skipped: the driver is not installed; npm run drivers:install adds it)", () => {});
  });
}
