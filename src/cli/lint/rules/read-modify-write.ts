import { bare, chainOf, methodOf, propertiesOf, propertyOf, rootOf } from "../ast.js";
import { isSafe, type LintFile, prismaCalls } from "../file.js";
import type { Hit, Rule } from "../rule.js";
import type { Node, NodeOf } from "../source.js";
import { holdsLock } from "./locks.js";

const ARITHMETIC = new Set(["+", "-", "*"]);

export const readModifyWrite: Rule = {
  id: "read-modify-write",
  level: "error",
  title: "A number that is read, changed in the program, and written back",
  why: "What others write between the read and the write is lost, and a repeat changes the number once more.",
  fix: "Let the database add, under an operation (`operation(…).increment(…)`), or compare the version that was read.",
  check: (file) => [...prismaHits(file), ...typeormHits(file)],
};

/** `update({ data: { balance: account.balance + 5 } })` */
function prismaHits(file: LintFile): Hit[] {
  return prismaCalls(file, new Set(["update", "updateMany"])).flatMap(({ node, args }): Hit[] => {
    if (isSafe(file, node) || file.works.isBound(node) || holdsLock(file, node)) return [];
    const data = propertyOf(args, "data");
    const compared = new Set(propertiesOf(propertyOf(args, "where")).map(({ name }) => name));
    return propertiesOf(data === undefined ? undefined : file.names.resolve(data)).flatMap((each): Hit[] => {
      const read = readOf(file, each.name, each.value);
      if (read === undefined || compared.has(each.name) || compared.has("version")) return [];
      return [
        { node: each.node, message: `\`${each.name}\` is computed from \`${read}\`, which was read before` },
      ];
    });
  });
}

/** The member that an expression adds to, where that comes from a row that was read. */
function readOf(file: LintFile, field: string, value: Node): string | undefined {
  const given = value.type === "Identifier" ? file.names.resolve(value) : value;
  if (given.type !== "BinaryExpression" || !ARITHMETIC.has(given.operator)) return undefined;
  for (const side of [bare(given.left), bare(given.right)]) {
    const chain = chainOf(side);
    if (side.type !== "MemberExpression" || chain.at(-1) !== field || chain.includes("?")) continue;
    if (isRead(file, rootOf(side))) return chain.join(".");
  }
  return undefined;
}

const READS = /^(find\w*|getOne|getOneOrFail)$/;

/** Whether a name was given what a query found. */
function isRead({ names }: LintFile, root: Node): boolean {
  const made = root.type === "Identifier" ? names.initialiserOf(root) : undefined;
  return made?.type === "CallExpression" && READS.test(methodOf(made));
}

/** `account.balance += 5; await accounts.save(account)` */
function typeormHits(file: LintFile): Hit[] {
  const { source } = file;
  return source.all("AssignmentExpression").flatMap((node): Hit[] => {
    const target = bare(node.left);
    const root = rootOf(target);
    const around = source.functionAround(node);
    if (target.type !== "MemberExpression" || root.type !== "Identifier" || around === undefined) return [];
    if (!adds(node) || !isRead(file, root) || isSafe(file, node) || holdsLock(file, node)) return [];
    const saved = source.within(around, "CallExpression").some((call) => saves(call, root.name));
    const field = chainOf(target).at(-1);
    return saved ? [{ node, message: `\`${field}\` is changed in the program and saved` }] : [];
  });
}

function adds({ operator, left, right }: NodeOf<"AssignmentExpression">): boolean {
  if (operator === "+=" || operator === "-=") return true;
  if (operator !== "=" || right.type !== "BinaryExpression" || !ARITHMETIC.has(right.operator)) return false;
  return chainOf(right.left).join(".") === chainOf(left).join(".");
}

function saves(call: NodeOf<"CallExpression">, name: string): boolean {
  return (
    methodOf(call) === "save" &&
    call.arguments.some((each) => each.type === "Identifier" && each.name === name)
  );
}
