import { methodOf } from "../ast.js";
import type { LintFile } from "../file.js";
import type { Node } from "../source.js";

const LOCK =
  /FOR\s+(NO\s+KEY\s+)?UPDATE|pg_(try_)?advisory_|pessimistic_write|GET_LOCK\(|\.acquire\(|withLock|redlock/i;

/** Whether nobody else can write between a read and what follows it: the function locks, or its transaction is serializable. */
export function holdsLock({ source }: LintFile, node: Node): boolean {
  const around = source.functionAround(node);
  if (around !== undefined && LOCK.test(source.textOf(around))) return true;
  for (const each of source.ancestors(node)) {
    if (each.type !== "CallExpression" || !/^\$?transaction$/.test(methodOf(each))) continue;
    if (/serializable/i.test(source.textOf(each))) return true;
  }
  return false;
}
