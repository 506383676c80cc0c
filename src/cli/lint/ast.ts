import type { Node, NodeOf } from "./source.js";

/** Without what changes a type or a wait, and not the value: `(x)`, `x!`, `x as T`, `await x`, `x?.y`. */
export function bare(node: Node): Node {
  switch (node.type) {
    case "ParenthesizedExpression":
    case "TSNonNullExpression":
    case "TSAsExpression":
    case "TSSatisfiesExpression":
    case "ChainExpression":
      return bare(node.expression);
    case "AwaitExpression":
      return bare(node.argument);
    default:
      return node;
  }
}

/**
 * A chain of names from its root: `this.prisma.account.update` is `["this", "prisma", "account", "update"]`, and a step that
 * is called ends in `()`. What has no name is `?`.
 */
export function chainOf(expression: Node): readonly string[] {
  const node = bare(expression);
  switch (node.type) {
    case "Identifier":
      return [node.name];
    case "ThisExpression":
      return ["this"];
    case "Super":
      return ["super"];
    case "MemberExpression":
      return [...chainOf(node.object), memberName(node)];
    case "CallExpression": {
      const callee = chainOf(node.callee);
      return [...callee.slice(0, -1), `${callee.at(-1)}()`];
    }
    case "NewExpression":
      return [`new ${chainOf(node.callee).join(".")}`];
    default:
      return ["?"];
  }
}

function memberName(node: NodeOf<"MemberExpression">): string {
  if (!node.computed && "name" in node.property) return String(node.property.name);
  return textIn(node.property) ?? "?";
}

/** The expression at the root of a chain. */
export function rootOf(expression: Node): Node {
  const node = bare(expression);
  if (node.type === "MemberExpression") return rootOf(node.object);
  if (node.type === "CallExpression") return rootOf(node.callee);
  return node;
}

/** The object whose method is called; undefined where a plain function is. */
export function receiverOf(call: NodeOf<"CallExpression">): Node | undefined {
  const callee = bare(call.callee);
  return callee.type === "MemberExpression" ? bare(callee.object) : undefined;
}

export function methodOf(call: NodeOf<"CallExpression">): string {
  return chainOf(call.callee).at(-1) ?? "?";
}

/** A text that is written out: a string, or a template whose values stand as `?`. */
export function textIn(node: Node | undefined): string | undefined {
  if (node?.type === "Literal" && typeof node.value === "string") return node.value;
  if (node?.type === "TemplateLiteral") {
    return node.quasis.map(({ value }) => value.cooked ?? value.raw).join("?");
  }
  return undefined;
}

export interface Property {
  readonly name: string;
  readonly value: Node;
  readonly node: Node;
}

/** The properties that an object is written with, without those that are spread into it. */
export function propertiesOf(node: Node | undefined): readonly Property[] {
  if (node?.type !== "ObjectExpression") return [];
  return node.properties.flatMap((each): Property[] => {
    if (each.type !== "Property") return [];
    const name = keyName(each.key, each.computed);
    return name === undefined ? [] : [{ name, value: bare(each.value), node: each }];
  });
}

export function keyName(key: Node, computed: boolean): string | undefined {
  if (!computed && key.type === "Identifier") return key.name;
  return textIn(key);
}

export function propertyOf(node: Node | undefined, name: string): Node | undefined {
  return propertiesOf(node).find((each) => each.name === name)?.value;
}

/** Whether something is spread into an object, so that not all of it can be seen. */
export function hasSpread(node: Node | undefined): boolean {
  return node?.type === "ObjectExpression" && node.properties.some((each) => each.type === "SpreadElement");
}

/** Whether a statement always ends the function by throwing. */
export function alwaysThrows(statement: Node | null | undefined): boolean {
  switch (statement?.type) {
    case "ThrowStatement":
      return true;
    case "BlockStatement":
      return statement.body.some(alwaysThrows);
    case "IfStatement":
      return alwaysThrows(statement.consequent) && alwaysThrows(statement.alternate);
    default:
      return false;
  }
}
