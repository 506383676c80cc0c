import { chainOf, hasSpread, methodOf, propertiesOf, propertyOf } from "../ast.js";
import { entityOf, isSafe, type LintFile, type PrismaCall, prismaCalls } from "../file.js";
import type { Hit, Rule } from "../rule.js";
import type { FunctionNode, Node, NodeOf } from "../source.js";
import { holdsLock } from "./locks.js";

type Call = NodeOf<"CallExpression">;

export const checkThenAct: Rule = {
  id: "check-then-act",
  level: "warning",
  title: "A row that is created where a look found none, and nothing keeps it unique",
  why: "Two at once both look, both find nothing, and both create. A transaction at READ COMMITTED does not close the gap.",
  fix: "Add a unique constraint and create with ON CONFLICT, or bind the create to an operation.",
  check: (file) => [...prismaHits(file), ...typeormHits(file)],
};

/** A read that asks whether a row is there, or a write that makes one. */
interface Step {
  readonly node: Call;
  readonly model: string;
  /** Fields, with what is asked of them or put into them; undefined where not all can be seen. */
  readonly fields: readonly string[] | undefined;
}

const LOOKS = new Set(["findFirst", "count"]);
const CREATES = new Set(["create"]);

function prismaHits(file: LintFile): Hit[] {
  const stepOf = (call: PrismaCall, part: string): Step => ({
    node: call.node,
    model: call.declared?.name ?? call.model,
    fields: fieldsOf(file, propertyOf(call.args, part)),
  });
  // What `findUnique` looks for is unique already.
  const looks = prismaCalls(file, LOOKS).filter(({ declared }) => declared !== undefined);
  const creates = prismaCalls(file, CREATES);
  return pairs(
    file,
    looks.map((call) => stepOf(call, "where")),
    creates.map((call) => stepOf(call, "data")),
    (model) =>
      file.facts.prisma?.models.find(({ name }) => name === model)?.uniques.map(({ fields }) => fields) ?? [],
  );
}

const TYPEORM_LOOKS = new Set(["findOne", "findOneBy", "count", "countBy", "exists", "existsBy", "exist"]);

function typeormHits(file: LintFile): Hit[] {
  const calls = file.source.all("CallExpression").flatMap((node) => {
    const model = entityOf(file, node);
    const entity = model === undefined ? undefined : file.facts.entities.get(model);
    return entity === undefined ? [] : [{ node, model: entity.name, method: methodOf(node) }];
  });
  const argument = (node: Call): Node | undefined =>
    node.arguments.find((each) => !(each.type === "Identifier" && /^[A-Z]/.test(each.name)));
  const looks = calls.flatMap(({ node, model, method }): Step[] => {
    if (!TYPEORM_LOOKS.has(method)) return [];
    const given = argument(node);
    const where = given === undefined ? undefined : (propertyOf(file.names.resolve(given), "where") ?? given);
    return [{ node, model, fields: fieldsOf(file, where) }];
  });
  const creates = calls.flatMap(({ node, model, method }): Step[] => {
    if (method !== "save" && method !== "insert" && method !== "create") return [];
    return [{ node, model, fields: fieldsOf(file, argument(node)) }];
  });
  return pairs(file, looks, creates, (model) => file.facts.entities.get(model)?.uniques ?? []);
}

/** The fields of an object that are compared or set to a value; undefined where it says more than that. */
function fieldsOf({ names }: LintFile, node: Node | undefined): readonly string[] | undefined {
  const object = node === undefined ? undefined : names.resolve(node);
  if (object?.type !== "ObjectExpression" || hasSpread(object)) return undefined;
  return propertiesOf(object)
    .filter(({ value }) => !(value.type === "Literal" && value.value === null))
    .map(({ name }) => name);
}

function pairs(
  file: LintFile,
  looks: readonly Step[],
  creates: readonly Step[],
  uniquesOf: (model: string) => readonly (readonly string[])[],
): Hit[] {
  const seen = new Set<Node>();
  return looks.flatMap((look) => {
    const around = file.source.functionAround(look.node);
    const { fields } = look;
    if (around === undefined || fields === undefined || fields.length === 0) return [];
    if (uniquesOf(look.model).some((unique) => unique.every((each) => fields.includes(each)))) return [];
    return creates.flatMap((create): Hit[] => {
      const follows = create.node.start > look.node.end && file.source.functionAround(create.node) === around;
      const same = create.model === look.model && fields.every((each) => create.fields?.includes(each));
      if (!follows || !same || seen.has(look.node)) return [];
      if (
        !decides(file, look.node, create.node, around) ||
        isSafe(file, look.node) ||
        holdsLock(file, look.node)
      )
        return [];
      seen.add(look.node);
      const list = fields.map((each) => `\`${each}\``).join(", ");
      const { line } = file.source.position(create.node.start);
      return [
        {
          node: look.node,
          message: `\`${look.model}\` is looked for by ${list} and created on line ${line}`,
        },
      ];
    });
  });
}

/** Whether what was found decides about what is created: a condition between the two asks for it. */
function decides({ source }: LintFile, look: Node, create: Node, around: FunctionNode): boolean {
  const name = assignedName(source, look);
  const conditions = [
    ...source.within(around, "IfStatement").map(({ test }) => test),
    ...source.within(around, "ConditionalExpression").map(({ test }) => test),
    ...source.within(around, "LogicalExpression").map(({ left }) => left),
  ];
  return conditions.some((test) => {
    if (test.start > create.start) return false;
    if (test.start <= look.start && test.end >= look.end) return true;
    return (
      name !== undefined &&
      test.start > look.end &&
      source.within(test, "Identifier").some((each) => each.name === name)
    );
  });
}

function assignedName(source: LintFile["source"], look: Node): string | undefined {
  for (const each of source.ancestors(look)) {
    if (each.type === "VariableDeclarator") return chainOf(each.id)[0];
    if (each.type === "AssignmentExpression") return chainOf(each.left)[0];
    if (
      each.type !== "AwaitExpression" &&
      each.type !== "TSAsExpression" &&
      each.type !== "ParenthesizedExpression"
    )
      return undefined;
  }
  return undefined;
}
