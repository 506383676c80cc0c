import { bare, chainOf, keyName } from "./ast.js";
import { isFunction, type Node, type NodeOf, type SourceFile } from "./source.js";

/** A type as it is written: `Repository<Account>` is `Repository` of `Account`. */
export interface WrittenType {
  readonly name: string;
  readonly of: readonly string[];
}

interface Declared {
  /** The node in which the name is known. */
  readonly scope: Node;
  readonly init: Node | undefined;
  readonly type: WrittenType | undefined;
}

/** What the names of one file stand for, as far as the file itself says. */
export class Names {
  readonly #source: SourceFile;
  readonly #imports = new Map<string, string>();
  readonly #declared = new Map<string, Declared[]>();
  readonly #members = new Map<string, Omit<Declared, "scope">>();

  constructor(source: SourceFile) {
    this.#source = source;
    for (const node of source.all("ImportDeclaration")) {
      for (const each of node.specifiers) this.#imports.set(each.local.name, node.source.value);
    }
    for (const node of source.all("VariableDeclarator")) this.#declare(node.id, node.init ?? undefined, node);
    for (const node of [
      ...source.all("FunctionDeclaration"),
      ...source.all("FunctionExpression"),
      ...source.all("ArrowFunctionExpression"),
    ]) {
      for (const param of node.params) this.#declareParam(param, node);
    }
    for (const node of source.all("PropertyDefinition")) {
      const name = keyName(node.key, node.computed);
      const type = writtenType(node.typeAnnotation?.typeAnnotation);
      if (name !== undefined) this.#members.set(name, { init: node.value ?? undefined, type });
    }
    for (const node of source.all("AssignmentExpression")) this.#assign(node);
  }

  #declareParam(param: NodeOf<"ArrowFunctionExpression">["params"][number], scope: Node): void {
    const node: Node = param.type === "TSParameterProperty" ? param.parameter : param;
    const target = node.type === "AssignmentPattern" ? node.left : node;
    if (target.type !== "Identifier") return;
    const type = writtenType(target.typeAnnotation?.typeAnnotation);
    this.#add(target.name, { scope, init: undefined, type });
    if (param.type === "TSParameterProperty") this.#members.set(target.name, { init: undefined, type });
  }

  #declare(target: Node, init: Node | undefined, from: Node): void {
    const scope = this.#scopeAround(from);
    if (target.type === "Identifier") {
      this.#add(target.name, { scope, init, type: writtenType(target.typeAnnotation?.typeAnnotation) });
      this.#required(target.name, init);
    }
    if (target.type !== "ObjectPattern") return;
    for (const each of target.properties) {
      if (each.type === "Property" && each.value.type === "Identifier") this.#required(each.value.name, init);
    }
  }

  /** `const x = require("y")` and `const { x } = require("y")` import like `import` does. */
  #required(name: string, init: Node | undefined): void {
    const call = init === undefined ? undefined : bare(init);
    if (call?.type !== "CallExpression" || chainOf(call.callee).join(".") !== "require") return;
    const [first] = call.arguments;
    if (first?.type === "Literal" && typeof first.value === "string") this.#imports.set(name, first.value);
  }

  #assign({ left, right }: NodeOf<"AssignmentExpression">): void {
    const [root, member, ...rest] = chainOf(left);
    if (root !== "this" || member === undefined || rest.length > 0) return;
    const known = this.#members.get(member);
    // A constructor hands on what its parameter is.
    const type = right.type === "Identifier" ? this.typeOf([right.name], right) : undefined;
    this.#members.set(member, { init: known?.init ?? right, type: known?.type ?? type });
  }

  #add(name: string, declared: Declared): void {
    const known = this.#declared.get(name);
    if (known === undefined) this.#declared.set(name, [declared]);
    else known.push(declared);
  }

  #scopeAround(node: Node): Node {
    for (const each of this.#source.ancestors(node)) {
      if (each.type === "BlockStatement" || isFunction(each)) return each;
    }
    return this.#source.program;
  }

  #nearest(name: string, from: Node): Declared | undefined {
    const around = (this.#declared.get(name) ?? []).filter(
      ({ scope }) => scope.start <= from.start && scope.end >= from.end,
    );
    return around.sort((a, b) => b.scope.start - a.scope.start)[0];
  }

  /** The module that a name was imported from. */
  importedFrom(name: string): string | undefined {
    return this.#imports.get(name);
  }

  /** What a name, or a member of `this`, was given first. */
  initialiserOf(expression: Node): Node | undefined {
    const found = this.#lookUp(chainOf(expression), expression)?.init;
    return found === undefined ? undefined : bare(found);
  }

  /** The type that a name, or a member of `this`, was declared with. */
  typeOf(chain: readonly string[], from: Node): WrittenType | undefined {
    return this.#lookUp(chain, from)?.type;
  }

  #lookUp(chain: readonly string[], from: Node): Omit<Declared, "scope"> | undefined {
    const [root = "?", member, ...rest] = chain;
    if (member === undefined) return this.#nearest(root, from);
    return root === "this" && rest.length === 0 ? this.#members.get(member) : undefined;
  }

  /** An expression, or what the name that it is was given first. */
  resolve(node: Node): Node {
    const plain = bare(node);
    if (plain.type !== "Identifier" && plain.type !== "MemberExpression") return plain;
    return this.initialiserOf(plain) ?? plain;
  }
}

function writtenType(node: Node | undefined): WrittenType | undefined {
  if (node?.type !== "TSTypeReference") return undefined;
  const of = (node.typeArguments?.params ?? []).flatMap((each) => writtenType(each)?.name ?? []);
  const name = node.typeName.type === "Identifier" ? node.typeName.name : rightmost(node.typeName);
  return name === undefined ? undefined : { name, of };
}

function rightmost(node: Node): string | undefined {
  return node.type === "TSQualifiedName" ? node.right.name : undefined;
}
