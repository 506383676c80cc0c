import { bare, chainOf, methodOf, receiverOf, rootOf } from "../ast.js";
import type { LintFile } from "../file.js";
import type { Hit, Rule } from "../rule.js";
import { isFunction, type Node, type NodeOf } from "../source.js";
import { firstParam } from "../work.js";

type Call = NodeOf<"CallExpression">;

export const escapingBatch: Rule = {
  id: "escaping-batch",
  level: "error",
  title: "A batch that runs outside of the transaction around it",
  why: "`client.$transaction([…])` opens a transaction of its own. Where the query came from an interactive transaction, it leaves that one: it commits although the outer one rolls back, and the operation's claim with it.",
  fix: "Set what the query needs inside the interactive transaction (`SELECT set_config(…, true)` through `tx`), and let the hook call `query(args)` alone.",
  check: (file) =>
    file.source.all("CallExpression").flatMap((node): Hit[] => {
      const [batch] = node.arguments;
      if (methodOf(node) !== "$transaction" || batch?.type !== "ArrayExpression") return [];
      const message = wrapsHook(file, batch)
        ? "a query hook puts `query(args)` into a batch of its own"
        : leavesTransaction(file, node)
          ? "a batch on the transaction's own client"
          : undefined;
      return message === undefined ? [] : [{ node, message }];
    }),
};

/** Whether a batch holds the query that an extension's hook was given. */
function wrapsHook({ source }: LintFile, batch: Node): boolean {
  const hook = [...source.ancestors(batch)].find((each) => isFunction(each) && takesQuery(each));
  if (hook === undefined) return false;
  return source.within(batch, "CallExpression").some((call) => chainOf(call.callee).join(".") === "query");
}

function takesQuery(node: Node): boolean {
  const [first] = isFunction(node) ? node.params : [];
  return (
    first?.type === "ObjectPattern" &&
    first.properties.some((each) => each.type === "Property" && chainOf(each.key)[0] === "query")
  );
}

function leavesTransaction({ source }: LintFile, node: Call): boolean {
  const receiver = receiverOf(node);
  if (receiver?.type !== "Identifier") return false;
  for (const each of source.ancestors(node)) {
    if (!isFunction(each) || firstParam(each) !== receiver.name) continue;
    const call = source.parent(each);
    return call?.type === "CallExpression" && /^\$?(transaction|once)$/.test(methodOf(call));
  }
  return false;
}

/** What writes, of Prisma, TypeORM and the drivers. */
const WRITES =
  /^(create|createMany|createManyAndReturn|update|updateMany|updateManyAndReturn|upsert|delete|deleteMany|insert|save|remove|softDelete|increment|decrement|query|execute|\$executeRaw|\$executeRawUnsafe|\$queryRaw|\$queryRawUnsafe)$/;

export const escapingWrite: Rule = {
  id: "escaping-write",
  level: "error",
  title: "A statement inside the work that does not go through its transaction",
  why: "It commits by itself: where the work fails it stays, and where the operation is run again it is run again.",
  fix: "Use the handle that the work is given.",
  check: (file) =>
    file.works.all.flatMap(({ call, body, handle }) => {
      const outer = outerClients(file, call);
      return [...file.source.within(body, "CallExpression"), ...taggedIn(file, body)].flatMap(
        (node): Hit[] => {
          const callee = node.type === "CallExpression" ? node.callee : node.tag;
          const chain = chainOf(callee);
          if (!WRITES.test(chain.at(-1) ?? "") || chain[0] === handle) return [];
          const client = outer.find((each) => chain.join(".").startsWith(`${each}.`));
          if (client === undefined) return [];
          const advice =
            handle === undefined
              ? "Take the transaction as the work's parameter, and use that."
              : `Write \`${handle}\` in place of \`${client}\`.`;
          return [{ node, message: `\`${chain.join(".")}\` goes through \`${client}\``, fix: advice }];
        },
      );
    }),
};

function taggedIn({ source }: LintFile, body: Node): readonly NodeOf<"TaggedTemplateExpression">[] {
  return source.within(body, "TaggedTemplateExpression");
}

/** The client that the operation was started on, and what a ledger was made of. */
function outerClients({ names }: LintFile, call: Call): string[] {
  const receiver = receiverOf(call);
  if (receiver === undefined) return [];
  const made = names.resolve(receiver);
  const sources = made.type === "CallExpression" ? made.arguments.slice(0, 1).map((each) => bare(each)) : [];
  const clients = [receiver, ...sources].filter(
    (each) => rootOf(each).type === "Identifier" || rootOf(each).type === "ThisExpression",
  );
  return clients.map((each) => chainOf(each).join("."));
}
