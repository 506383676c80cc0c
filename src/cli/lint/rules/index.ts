import type { Rule } from "../rule.js";
import { caughtUnique } from "./caught-unique.js";
import { checkThenAct } from "./check-then-act.js";
import { escapingBatch, escapingWrite } from "./escaping.js";
import { increment } from "./increment.js";
import { networkInWork } from "./network.js";
import { rawIncrement } from "./raw-increment.js";
import { readModifyWrite } from "./read-modify-write.js";
import { racyUpsert } from "./upsert.js";
import { versionedSave } from "./versioned-save.js";

/** All rules, in the order of `docs/lint.md`. */
export const RULES: readonly Rule[] = [
  increment,
  rawIncrement,
  readModifyWrite,
  racyUpsert,
  checkThenAct,
  versionedSave,
  caughtUnique,
  networkInWork,
  escapingWrite,
  escapingBatch,
];
