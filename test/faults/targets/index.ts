import type { Target } from "../target.js";
import { mariadbTarget, mysqlTarget } from "./mysql2.js";
import { pgTarget } from "./pg.js";

export const TARGETS: readonly Target[] = [pgTarget, mariadbTarget, mysqlTarget];

/** @throws {Error} there is none of that name */
export function targetOfName(wanted: string): Target {
  const target = TARGETS.find(({ name }) => name === wanted);
  if (target === undefined) throw new Error(`no target ${wanted}`);
  return target;
}
