import { type Comment, type Node, parseSync, visitorKeys } from "oxc-parser";

export type { Node } from "oxc-parser";
/** The nodes that may be of a type; some stand for several. */
export type NodeOf<Type extends Node["type"]> = Node extends infer Each
  ? Each extends { readonly type: infer Own }
    ? [Own & Type] extends [never]
      ? never
      : Each
    : never
  : never;
export type FunctionNode = NodeOf<"ArrowFunctionExpression" | "FunctionDeclaration" | "FunctionExpression">;

/** A place in a file, as editors count: both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One parsed file, and the way from each of its nodes to the one around it. */
export class SourceFile {
  /** Relative to the project, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly program: Node;
  readonly comments: readonly Comment[];
  readonly #parents = new Map<Node, Node>();
  readonly #byType = new Map<string, Node[]>();
  readonly #lineStarts: readonly number[];

  private constructor(path: string, text: string, program: Node, comments: readonly Comment[]) {
    this.path = path;
    this.text = text;
    this.program = program;
    this.comments = comments;
    this.#lineStarts = lineStarts(text);
    this.#enter(program);
  }

  /** @returns what is wrong with the text, where it cannot be parsed */
  static parse(path: string, text: string): SourceFile | { readonly unparsed: string } {
    const { program, comments, errors } = parseSync(path, text, {
      astType: "ts",
      // Plain JavaScript often holds JSX.
      ...(/\.[cm]?js$/.test(path) ? { lang: "jsx" as const } : {}),
    });
    const [fatal] = errors.filter(({ severity }) => severity === "Error");
    // The parser recovers from most of what only a compiler minds; a file without statements tells nothing.
    if (fatal !== undefined && program.body.length === 0) return { unparsed: fatal.message };
    return new SourceFile(path, text, program, comments);
  }

  #enter(root: Node): void {
    const waiting: Node[] = [root];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      const same = this.#byType.get(node.type);
      if (same === undefined) this.#byType.set(node.type, [node]);
      else same.push(node);
      const inner = childrenOf(node);
      for (const child of inner) this.#parents.set(child, node);
      waiting.push(...inner.reverse());
    }
  }

  parent(node: Node): Node | undefined {
    return this.#parents.get(node);
  }

  /** From the node around this one to the program. */
  *ancestors(node: Node): Generator<Node> {
    for (let each = this.parent(node); each !== undefined; each = this.parent(each)) yield each;
  }

  /** All nodes of a type, in the order of the text. */
  all<Type extends Node["type"]>(type: Type): readonly NodeOf<Type>[] {
    return (this.#byType.get(type) ?? []) as unknown as readonly NodeOf<Type>[];
  }

  /** Those of a type inside of a node. */
  within<Type extends Node["type"]>(node: Node, type: Type): readonly NodeOf<Type>[] {
    return this.all(type).filter((each) => each.start >= node.start && each.end <= node.end);
  }

  textOf(node: Node): string {
    return this.text.slice(node.start, node.end);
  }

  position(offset: number): Position {
    return positionAt(this.#lineStarts, offset);
  }

  /** The innermost function around a node. */
  functionAround(node: Node): FunctionNode | undefined {
    for (const each of this.ancestors(node)) if (isFunction(each)) return each;
    return undefined;
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function positionAt(starts: readonly number[], offset: number): Position {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
}

function childrenOf(node: Node): Node[] {
  const found: Node[] = [];
  for (const key of visitorKeys[node.type] ?? []) {
    const value = (node as unknown as Record<string, unknown>)[key];
    for (const each of Array.isArray(value) ? value : [value]) if (isNode(each)) found.push(each);
  }
  return found;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

export function isFunction(node: Node): node is FunctionNode {
  return (
    node.type === "ArrowFunctionExpression" ||
    node.type === "FunctionDeclaration" ||
    node.type === "FunctionExpression"
  );
}
