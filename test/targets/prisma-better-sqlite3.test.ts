import { conformance } from "../conformance/suite.js";
import { prismaBetterSqlite3 } from "./prisma-better-sqlite3.js";

conformance(await prismaBetterSqlite3("functional", 362));
