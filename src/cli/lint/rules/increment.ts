import {
  bare,
  chainOf,
  methodOf,
  type Property,
  propertiesOf,
  propertyOf,
  receiverOf,
  textIn,
} from "../ast.js";
import { isSafe, type LintFile, prismaCalls } from "../file.js";
import type { Hit, Rule } from "../rule.js";
import type { Node } from "../source.js";

const METHODS = new Set(["update", "updateMany", "updateManyAndReturn", "upsert"]);
/** What counts the runs themselves, and so must count a repeat. */
export const COUNTS_RUNS: RegExp = /attempt|retr(y|ies)|tries|failure|failed|error|version$/i;
const STEPS = new Set(["increment", "decrement", "multiply", "divide"]);

export const increment: Rule = {
  id: "increment-without-operation",
  level: "warning",
  title: "An increment that a repeat applies twice",
  why: "A request that is retried, or a message that is delivered again, adds once more, and nothing in the row tells.",
  fix: "Bind the write to an operation, so that it is applied only where the operation was not seen.",
  check: (file) => [...prismaHits(file), ...typeormHits(file)],
};

function prismaHits(file: LintFile): Hit[] {
  return prismaCalls(file, METHODS).flatMap(({ node, model, method, args }): Hit[] => {
    if (isSafe(file, node) || file.works.isBound(node)) return [];
    const data = propertyOf(args, method === "upsert" ? "update" : "data");
    const given = data === undefined ? undefined : file.names.resolve(data);
    const steps = propertiesOf(given).filter((each) => isStep(each) && !COUNTS_RUNS.test(each.name));
    const [first] = steps;
    if (first === undefined || isGuarded(propertyOf(args, "where"), propertiesOf(given))) return [];
    const fields = steps.map(({ name }) => `\`${model}.${name}\``).join(" and ");
    const verb = propertiesOf(first.value)[0]?.name ?? "increment";
    const fix = `Write \`$operation({ operation, key }).${model}.${method}(…)\` with the key of the request or message.`;
    return [{ node: first.node, message: `${fields} is changed by \`${verb}\``, fix }];
  });
}

function isStep({ value }: Property): boolean {
  const properties = propertiesOf(value);
  return properties.length === 1 && STEPS.has(properties[0]?.name ?? "");
}

/**
 * Whether a repeat no longer finds the row: a field that `where` compares is given another value, as by a version or by a
 * change of state.
 */
function isGuarded(where: Node | undefined, data: readonly Property[]): boolean {
  return propertiesOf(where).some(({ name, value: wanted }) => {
    const change = data.find((each) => each.name === name);
    if (change === undefined || wanted.type === "ObjectExpression") return false;
    return isStep(change) || writtenValue(change.value) !== writtenValue(wanted);
  });
}

function writtenValue(node: Node): string {
  if (node.type === "Literal") return `literal ${String(node.value)}`;
  return chainOf(node).join(".");
}

function typeormHits(file: LintFile): Hit[] {
  return file.source.all("CallExpression").flatMap((node): Hit[] => {
    const method = methodOf(node);
    if (method !== "increment" && method !== "decrement") return [];
    if (!isRepositoryCall(file, node) || isSafe(file, node) || file.works.isBound(node)) return [];
    const column = node.arguments.map((each) => textIn(bare(each))).find((text) => text !== undefined);
    if (column !== undefined && COUNTS_RUNS.test(column)) return [];
    const fix = `Write \`withIdempotency(repository).operation({ operation, key }).${method}(…)\` with the key of the request or message.`;
    return [
      { node, message: `\`${column ?? "a column"}\` is changed by \`${method}\` of a plain repository`, fix },
    ];
  });
}

/** `increment(where, "column", by)` of a repository, or with the entity first, of a manager. */
function isRepositoryCall({ names }: LintFile, node: Parameters<typeof receiverOf>[0]): boolean {
  const receiver = receiverOf(node);
  const { length } = node.arguments;
  if (receiver === undefined || length < 3 || length > 4) return false;
  const isColumn = textIn(node.arguments[length - 2]) !== undefined;
  if (length === 4) return isColumn && node.arguments[0]?.type === "Identifier";
  const type = names.typeOf(chainOf(receiver), receiver);
  return isColumn || (type !== undefined && /Repository$/.test(type.name));
}
