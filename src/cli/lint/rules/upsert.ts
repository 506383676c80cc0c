import { chainOf, hasSpread, type Property, propertiesOf, propertyOf } from "../ast.js";
import { isSafe, type LintFile, mayRunOn, type PrismaCall, prismaCalls } from "../file.js";
import type { Hit, Rule } from "../rule.js";
import type { Node, NodeOf } from "../source.js";

/**
 * When Prisma 7.10 sends `INSERT … ON CONFLICT` and when it does not was tried case by case; `docs/lint.md` has the table.
 *
 * @see https://www.prisma.io/docs/orm/reference/prisma-client-reference#database-upserts
 */
export const racyUpsert: Rule = {
  id: "racy-upsert",
  level: "warning",
  title: "A Prisma upsert that looks first and writes then",
  why: "Prisma runs SELECT and then INSERT for it: of two at once both see no row, and one fails with P2002.",
  fix: "Bind it to an operation (`$operation(…)`), whose upsert is one statement, or retry on P2002.",
  check: (file) =>
    prismaCalls(file, new Set(["upsert"])).flatMap((call): Hit[] => {
      if (isSafe(file, call.node) || file.works.isBound(call.node) || handlesConflict(file, call.node))
        return [];
      const reason = reasonOf(file, call);
      if (reason === undefined) return [];
      return [{ node: call.node, message: `\`${call.model}.upsert\` is SELECT, then INSERT: ${reason}` }];
    }),
};

function handlesConflict({ source }: LintFile, node: Node): boolean {
  for (const each of source.ancestors(node)) {
    if (each.type === "TryStatement" && /P2002|[Uu]nique/.test(source.textOf(each.handler ?? each)))
      return true;
  }
  return false;
}

function reasonOf(file: LintFile, call: PrismaCall): string | undefined {
  const { names } = file;
  const part = (name: string): Node | undefined => {
    const value = propertyOf(call.args, name);
    return value === undefined ? undefined : names.resolve(value);
  };
  const [where, create, update] = [part("where"), part("create"), part("update")];
  if (where?.type !== "ObjectExpression" || hasSpread(where)) return undefined;
  if (!mayRunOn(file, /^(postgres|cockroach|sqlite|better-sqlite)/))
    return "MySQL and MariaDB have no native upsert";
  if (update?.type === "ObjectExpression" && update.properties.length === 0) return "`update` is empty";
  const nested = [...nestedIn(call, create), ...nestedIn(call, update)][0];
  if (nested !== undefined) return `\`${nested}\` writes to another model`;
  const read = relationsRead(call, part("include"), part("select"))[0];
  if (read !== undefined) return `\`${read}\` reads another model`;
  return whereReason(call, where, create);
}

function nestedIn({ declared }: PrismaCall, data: Node | undefined): string[] {
  return propertiesOf(data)
    .filter(({ name, value }) => {
      const relation = declared?.fields.get(name)?.relation ?? false;
      const verbs = propertiesOf(value).map((each) => each.name);
      return relation || (declared === undefined && verbs.some((verb) => NESTED.has(verb)));
    })
    .map(({ name }) => name);
}

const NESTED = new Set(["create", "connect", "connectOrCreate", "createMany", "upsert", "disconnect"]);

function relationsRead({ declared }: PrismaCall, ...selections: readonly (Node | undefined)[]): string[] {
  return selections.flatMap((selection) =>
    propertiesOf(selection)
      .filter(
        ({ name, value }) =>
          name === "_count" ||
          declared?.fields.get(name)?.relation === true ||
          value.type === "ObjectExpression",
      )
      .filter(({ value }) => !(value.type === "Literal" && value.value === false))
      .map(({ name }) => name),
  );
}

function whereReason(
  { declared }: PrismaCall,
  where: NodeOf<"ObjectExpression">,
  create: Node | undefined,
): string | undefined {
  if (create?.type !== "ObjectExpression") return undefined;
  const wanted = propertiesOf(where);
  const selectors = wanted.filter(({ name, value }) => isSelector(declared, name, value));
  if (selectors.length > 1) return "`where` has several unique fields";
  const flat = wanted.flatMap((each) => {
    const inner = propertiesOf(each.value);
    return inner.length > 0 ? inner : [each];
  });
  const given = propertiesOf(create);
  for (const { name, value } of flat) {
    const other = given.find((each) => each.name === name);
    if (other === undefined && !hasSpread(create))
      return `\`create\` has no \`${name}\`, which \`where\` has`;
    if (other !== undefined && !sameValue(value, other)) {
      return `\`${name}\` is not written alike in \`where\` and in \`create\``;
    }
  }
  return undefined;
}

function isSelector(declared: PrismaCall["declared"], name: string, value: Node): boolean {
  if (declared === undefined) return propertiesOf(value).length > 1;
  return declared.uniques.some((unique) => unique.name === name);
}

/** Values that are written differently may be the same; only what certainly differs counts as different. */
function sameValue(value: Node, other: Property): boolean {
  if (value.type === "Literal" && other.value.type === "Literal") return value.value === other.value.value;
  if (value.type === "Literal" || other.value.type === "Literal") return false;
  const plain = (node: Node): boolean => node.type === "Identifier" || node.type === "MemberExpression";
  if (!plain(value) || !plain(other.value)) return true;
  const [one, two] = [chainOf(value), chainOf(other.value)];
  return (
    one.join(".") === two.join(".") || one.at(-1) === two.at(-1) || one.includes("?") || two.includes("?")
  );
}
