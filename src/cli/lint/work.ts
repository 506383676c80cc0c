import { bare, chainOf, methodOf, propertiesOf, receiverOf, rootOf } from "./ast.js";
import type { Names } from "./names.js";
import { type FunctionNode, isFunction, type Node, type NodeOf, type SourceFile } from "./source.js";

type Call = NodeOf<"CallExpression">;

/** A function that runs as the work of an operation: all of it at most once. */
export interface Work {
  readonly call: Call;
  readonly body: FunctionNode;
  /** The name of the transaction that the work is given. */
  readonly handle: string | undefined;
}

const PACKAGE = /^opledger(\/|$)/;

/** The works of a file, and what runs inside of them. */
export class Works {
  readonly all: readonly Work[];
  readonly #source: SourceFile;
  readonly #names: Names;

  constructor(source: SourceFile, names: Names) {
    this.#source = source;
    this.#names = names;
    this.all = source.all("CallExpression").flatMap((call) => {
      if (!this.#isOnce(call)) return [];
      return call.arguments
        .slice(1)
        .filter(isFunction)
        .map((body) => ({ call, body, handle: firstParam(body) }));
    });
  }

  #isOnce(call: Call): boolean {
    const method = methodOf(call);
    const [first, ...others] = call.arguments;
    if (first === undefined || others.length === 0) return false;
    if (method === "$once") return true;
    // Event emitters have a `once` too.
    return method === "once" && (isReference(this.#names.resolve(first)) || this.#isOurs(call));
  }

  /** Whether a call goes to something that this package has made. */
  #isOurs(call: Call): boolean {
    const receiver = receiverOf(call);
    if (receiver !== undefined && /ledger|idempoten/i.test(chainOf(receiver).at(-1) ?? "")) return true;
    return this.#fromPackage(rootOf(call)) || (receiver !== undefined && this.#fromPackage(receiver));
  }

  #fromPackage(node: Node): boolean {
    const made = this.#names.resolve(node);
    for (const each of [node, rootOf(made)]) {
      const from = each.type === "Identifier" ? this.#names.importedFrom(each.name) : undefined;
      if (from !== undefined && PACKAGE.test(from)) return true;
    }
    return false;
  }

  /** The work that a node stands in. */
  around(node: Node): Work | undefined {
    for (const each of this.#source.ancestors(node)) {
      const work = this.all.find(({ body }) => body === each);
      if (work !== undefined) return work;
    }
    return undefined;
  }

  /** Whether a write is bound to an operation: it goes through `operation(…)` or `$operation(…)`. */
  isBound(call: Call): boolean {
    const operation = /^\$?operation\(\)$/;
    if (chainOf(call.callee).some((step) => operation.test(step))) return true;
    const root = rootOf(call);
    const made = root === bare(call) ? undefined : this.#names.initialiserOf(root);
    return made !== undefined && chainOf(made).some((step) => operation.test(step));
  }

  /** Whether a node is inside a function that is handed to this package, such as the handler of an inbox. */
  isGuarded(node: Node): boolean {
    for (const each of this.#source.ancestors(node)) {
      if (!isFunction(each)) continue;
      const call = this.#source.parent(each);
      if (call?.type === "CallExpression" && this.#isOurs(call)) return true;
    }
    return this.around(node) !== undefined;
  }

  /** The calls of what may be the project's own functions: plain ones, those on `this`, and those that get the transaction. */
  ownCalls(): readonly OwnCall[] {
    return this.#source.all("CallExpression").flatMap((call): OwnCall[] => {
      const chain = chainOf(call.callee);
      const own = chain.length === 1 || (chain.length === 2 && chain[0] === "this");
      const guarded = this.isGuarded(call);
      const handle = guarded ? this.around(call)?.handle : undefined;
      const handed = call.arguments.some((each) => each.type === "Identifier" && each.name === handle);
      if (!own && !handed) return [];
      const around = [...this.#source.ancestors(call)].flatMap(
        (each) => functionName(this.#source, each) ?? [],
      );
      return [{ name: methodOf(call), guarded, around }];
    });
  }
}

export interface OwnCall {
  /** What the called function is called. */
  readonly name: string;
  /** Whether it is called in a work. */
  readonly guarded: boolean;
  /** The names of the functions in which it is called. */
  readonly around: readonly string[];
}

/** The functions that are called in works, or in such functions, and nowhere else. */
export function onlyInWork(calls: readonly OwnCall[]): ReadonlySet<string> {
  const safe = new Set<string>();
  const isSafe = ({ guarded, around }: OwnCall): boolean => guarded || around.some((name) => safe.has(name));
  for (let size = -1; size !== safe.size; ) {
    size = safe.size;
    for (const call of calls) if (isSafe(call)) safe.add(call.name);
  }
  for (let size = -1; size !== safe.size; ) {
    size = safe.size;
    for (const call of calls) if (!isSafe(call)) safe.delete(call.name);
  }
  return safe;
}

/** The name that a function is declared, or kept, under. */
export function functionName(source: SourceFile, node: Node): string | undefined {
  if (node.type === "FunctionDeclaration") return node.id?.name;
  if (node.type !== "FunctionExpression" && node.type !== "ArrowFunctionExpression") return undefined;
  const around = source.parent(node);
  if (around?.type === "VariableDeclarator") return chainOf(around.id)[0];
  if (around?.type === "MethodDefinition" || around?.type === "Property") return chainOf(around.key)[0];
  return undefined;
}

export function firstParam(body: FunctionNode): string | undefined {
  const [first] = body.params;
  return first?.type === "Identifier" ? first.name : undefined;
}

/** Whether an object names an operation. */
function isReference(node: Node): boolean {
  const names = new Set(propertiesOf(node).map(({ name }) => name));
  return names.has("operation") && names.has("key");
}
