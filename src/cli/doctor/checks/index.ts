import type { Check } from "../check.js";
import { COMMON_CHECKS } from "./common.js";
import { LEDGER_CHECKS } from "./ledger.js";
import { MYSQL_CHECKS } from "./mysql.js";
import { POSTGRES_CHECKS } from "./postgres.js";

/** All checks, in the order in which they are made. */
export const CHECKS: readonly Check[] = [
  ...LEDGER_CHECKS,
  ...COMMON_CHECKS,
  ...POSTGRES_CHECKS,
  ...MYSQL_CHECKS,
];
