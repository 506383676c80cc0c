import { alwaysThrows, methodOf } from "../ast.js";
import { type LintFile, mayRunOn } from "../file.js";
import type { Hit, Rule } from "../rule.js";
import { isFunction, type Node, type NodeOf } from "../source.js";
import { firstParam } from "../work.js";

/** Its codes, and what helpers that ask for them are called. */
const UNIQUE = /P2002|23505|unique_violation|\bis(Unique|Duplicate)\w*/i;

export const caughtUnique: Rule = {
  id: "unique-violation-in-transaction",
  level: "error",
  title: "A unique violation that is caught inside a PostgreSQL transaction",
  why: "After the violation PostgreSQL refuses every further statement of the transaction (25P02), and its COMMIT rolls back, which Prisma and TypeORM report as success.",
  fix: "Insert with ON CONFLICT (`skipDuplicates`, `orIgnore`, `operation(…).insert({ conflict })`), put the write into a nested transaction (a savepoint), or catch outside of the transaction.",
  check: (file) => {
    if (!mayRunOn(file, /^(postgres|cockroach|aurora-postgres)/)) return [];
    return file.source.all("TryStatement").flatMap((node): Hit[] => {
      const { handler } = node;
      if (handler === null || !isInTransaction(file, node) || isNested(file, node)) return [];
      const literal = unhandled(file, handler.body);
      if (literal === undefined) return [];
      return [{ node: handler, message: `\`${literal}\` is caught inside the transaction, which goes on` }];
    });
  },
};

const TRANSACTION = new Set(["$transaction", "transaction", "$once", "once"]);

/** Whether the try uses the transaction of a callback that it stands in. */
function isInTransaction({ source }: LintFile, node: NodeOf<"TryStatement">): boolean {
  for (const each of source.ancestors(node)) {
    if (!isFunction(each)) continue;
    const call = source.parent(each);
    if (call?.type !== "CallExpression" || !TRANSACTION.has(methodOf(call))) continue;
    const handle = firstParam(each);
    return source.within(node.block, "Identifier").some(({ name }) => name === handle);
  }
  return false;
}

/** Whether what is tried is a transaction of its own, which is a savepoint. */
function isNested({ source }: LintFile, { block }: NodeOf<"TryStatement">): boolean {
  return (
    source.within(block, "CallExpression").some((call) => TRANSACTION.has(methodOf(call))) ||
    /savepoint/i.test(source.textOf(block))
  );
}

/** The code that a handler catches without throwing again. */
function unhandled({ source }: LintFile, body: NodeOf<"BlockStatement">): string | undefined {
  const { body: statements } = body;
  for (const [index, statement] of statements.entries()) {
    if (statement.type !== "IfStatement") continue;
    const test = source.textOf(statement.test);
    const [code] = UNIQUE.exec(test) ?? [];
    if (code === undefined) continue;
    const negative = /!==|!=|^!/.test(test);
    const rest = statements.slice(index + 1).some(alwaysThrows);
    const taken: Node | null = negative ? statement.alternate : statement.consequent;
    return alwaysThrows(taken) || ((negative || !leaves(taken)) && rest) ? undefined : code;
  }
  const [code] = UNIQUE.exec(source.textOf(body)) ?? [];
  return code === undefined || statements.some(alwaysThrows) ? undefined : code;
}

/** Whether a branch returns or jumps away, so that what follows it is not run. */
function leaves(node: Node | null): boolean {
  if (node?.type === "BlockStatement") return node.body.some(leaves);
  return node !== null && ["ReturnStatement", "ContinueStatement", "BreakStatement"].includes(node.type);
}
