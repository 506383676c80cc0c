import { describe, it } from "vitest";
import { conformance } from "../conformance/suite.js";
import { hasDriver } from "../drivers.js";
import { typeormSqliteTarget } from "./typeorm-sqlite.js";

const name = "typeorm × SQLite, better-sqlite3";
if (hasDriver("better-sqlite3")) {
  conformance(typeormSqliteTarget({ name, driver: "better-sqlite3", suite: "races", cases: 44 }));
} else {
  describe(name, () => {
    it.skip("races (skipped: the driver is not installed; npm run drivers:install adds it)", () => {});
  });
}
