import { chainOf, methodOf, propertyOf } from "../ast.js";
import type { Entity } from "../entities.js";
import { entityOf, isSafe, type LintFile } from "../file.js";
import type { Hit, Rule } from "../rule.js";
import type { Node, NodeOf } from "../source.js";
import { holdsLock } from "./locks.js";

export const versionedSave: Rule = {
  id: "save-on-versioned",
  level: "error",
  title: "`save()` of an entity that has a version",
  why: "`save()` does not compare the version: what others wrote since it was read is lost, and the version is set back to the one that was read, so that their compare-and-set fails in turn.",
  fix: "Write `withIdempotency(repository).operation({ operation, key }).update({ id, version }, { … })`, or `update({ id, version }, …)` and check `affected`.",
  check: (file) =>
    file.source.all("CallExpression").flatMap((node): Hit[] => {
      if (methodOf(node) !== "save") return [];
      const entity = versionedEntity(file, node);
      if (entity === undefined || isSafe(file, node) || isNew(file, node) || holdsLock(file, node)) return [];
      return [
        { node, message: `\`${entity.name}\` has \`@VersionColumn ${entity.version}\`, and is saved whole` },
      ];
    }),
};

function versionedEntity(file: LintFile, node: NodeOf<"CallExpression">): Entity | undefined {
  const name = entityOf(file, node) ?? classOf(file, node.arguments[0]);
  const entity = name === undefined ? undefined : file.facts.entities.get(name);
  return entity?.version === undefined ? undefined : entity;
}

/** The entity that a manager found, by the call that it was found with. */
function classOf({ names }: LintFile, saved: Node | undefined): string | undefined {
  if (saved === undefined) return undefined;
  const found = names.resolve(saved);
  const [first] = found.type === "CallExpression" ? found.arguments : [];
  if (first?.type === "Identifier" && /^[A-Z]/.test(first.name)) return first.name;
  return names.typeOf(chainOf(saved), saved)?.name;
}

/** Whether what is saved was made right here, so that there is no row yet whose version could be lost. */
function isNew({ names }: LintFile, node: NodeOf<"CallExpression">): boolean {
  const saved = node.arguments.find((each) => !(each.type === "Identifier" && /^[A-Z]/.test(each.name)));
  const made = saved === undefined ? undefined : names.resolve(saved);
  if (made?.type === "NewExpression") return true;
  if (made?.type === "ObjectExpression")
    return propertyOf(made, "id") === undefined && made.properties.every((each) => each.type === "Property");
  return made?.type === "CallExpression" && methodOf(made) === "create";
}
