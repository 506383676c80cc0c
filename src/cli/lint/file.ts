import { chainOf, methodOf, receiverOf } from "./ast.js";
import type { Entity } from "./entities.js";
import { Names } from "./names.js";
import type { PrismaModel, PrismaSchema } from "./schema.js";
import type { Node, NodeOf, SourceFile } from "./source.js";
import { functionName, Works } from "./work.js";

/** What the project says as a whole. */
export interface Facts {
  readonly prisma: PrismaSchema | undefined;
  readonly entities: ReadonlyMap<string, Entity>;
  /** Engines that the project names, as Prisma or TypeORM call them; empty where it names none. */
  readonly engines: ReadonlySet<string>;
  /** Functions that works call, and nobody else: what they write is part of a work. */
  readonly onlyInWork: ReadonlySet<string>;
}

/** A file, and what its names and functions stand for. */
export interface Parsed {
  readonly source: SourceFile;
  readonly names: Names;
  readonly works: Works;
}

/** What a rule looks at. */
export interface LintFile extends Parsed {
  readonly facts: Facts;
}

export function parsed(source: SourceFile): Parsed {
  const names = new Names(source);
  return { source, names, works: new Works(source, names) };
}

/** Whether what a node does is part of an operation, so that repeating it is safe. */
export function isSafe({ source, works, facts }: LintFile, node: Node): boolean {
  if (works.isGuarded(node)) return true;
  for (const each of source.ancestors(node)) {
    const name = functionName(source, each);
    if (name !== undefined && facts.onlyInWork.has(name)) return true;
  }
  return false;
}

/** A call of a Prisma model's method. */
export interface PrismaCall {
  readonly node: NodeOf<"CallExpression">;
  readonly model: string;
  /** Known where the project has a schema. */
  readonly declared: PrismaModel | undefined;
  readonly method: string;
  readonly args: Node | undefined;
}

const CLIENT = /^(prisma\w*|\w*prisma(service|client)?|db|tx|trx)(\(\))?$/i;

/** The calls of some of the methods of Prisma's models. */
export function prismaCalls(file: LintFile, methods: ReadonlySet<string>): PrismaCall[] {
  const { source, facts } = file;
  return source.all("CallExpression").flatMap((node): PrismaCall[] => {
    const method = methodOf(node);
    if (!methods.has(method)) return [];
    const chain = chainOf(node.callee);
    const model = chain.at(-2);
    const client = chain.at(-3);
    if (model === undefined || client === undefined) return [];
    const declared = facts.prisma?.models.find(({ delegate }) => delegate === model);
    // Without a schema only the client's name tells Prisma from anything else that has such methods.
    if (facts.prisma === undefined ? !CLIENT.test(client) : declared === undefined) return [];
    const [first] = node.arguments;
    const args = first === undefined ? undefined : file.names.resolve(first);
    return [{ node, model, declared, method, args }];
  });
}

/** The entity that a TypeORM call is about: that of its repository, or the one that a manager is given. */
export function entityOf({ names }: LintFile, call: NodeOf<"CallExpression">): string | undefined {
  const receiver = receiverOf(call);
  if (receiver === undefined) return undefined;
  const repository = names.resolve(receiver);
  if (repository.type === "CallExpression" && /^get(Tree)?Repository$/.test(methodOf(repository))) {
    const given = repository.arguments.at(-1);
    return given?.type === "Identifier" ? given.name : undefined;
  }
  const type = names.typeOf(chainOf(receiver), receiver);
  if (type !== undefined && /Repository$/.test(type.name)) return type.of[0];
  const [first] = call.arguments;
  const isManager =
    type?.name === "EntityManager" ||
    type?.name === "DataSource" ||
    /^(\w*manager|em)$/i.test(chainOf(receiver).at(-1) ?? "");
  return isManager && first?.type === "Identifier" && /^[A-Z]/.test(first.name) ? first.name : undefined;
}

/** Whether the project runs on an engine, or may. */
export function mayRunOn({ facts }: LintFile, engines: RegExp): boolean {
  return facts.engines.size === 0 || [...facts.engines].some((engine) => engines.test(engine));
}
