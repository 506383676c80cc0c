import { chainOf, keyName, propertiesOf, propertyOf, textIn } from "./ast.js";
import type { Node, NodeOf, SourceFile } from "./source.js";

/** What a TypeORM entity says that the rules need. */
export interface Entity {
  readonly name: string;
  /** The class that it extends. */
  readonly base: string | undefined;
  /** The property with `@VersionColumn`. */
  readonly version: string | undefined;
  /** Sets of properties that no two rows may share. */
  readonly uniques: readonly (readonly string[])[];
}

const ENTITY = new Set(["Entity", "ChildEntity", "ViewEntity"]);
const KEYS = new Set(["PrimaryColumn", "PrimaryGeneratedColumn", "ObjectIdColumn"]);

/** The entities of a file: decorated classes and EntitySchemas. */
export function entitiesOf(source: SourceFile): readonly Entity[] {
  const classes = [...source.all("ClassDeclaration"), ...source.all("ClassExpression")];
  const decorated = classes.flatMap((node) => entityOf(node) ?? []);
  const schemas = source
    .all("NewExpression")
    .filter(({ callee }) => chainOf(callee).at(-1) === "EntitySchema")
    .flatMap((node) => schemaEntity(node) ?? []);
  return [...decorated, ...schemas];
}

interface Decoration {
  readonly name: string;
  readonly args: readonly Node[];
}

function decorationsOf(decorators: readonly NodeOf<"Decorator">[]): Decoration[] {
  return decorators.map(({ expression }) => {
    const name = (chainOf(expression).at(-1) ?? "").replace("()", "");
    return { name, args: expression.type === "CallExpression" ? expression.arguments : [] };
  });
}

function entityOf(node: NodeOf<"ClassDeclaration" | "ClassExpression">): Entity | undefined {
  const decorations = decorationsOf(node.decorators);
  // A base class holds columns of its entities, and says so nowhere; it counts where it has columns.
  const members = node.body.body.flatMap((member) => {
    if (member.type !== "PropertyDefinition") return [];
    const name = keyName(member.key, member.computed);
    return name === undefined ? [] : [{ name, decorations: decorationsOf(member.decorators) }];
  });
  const columns = members.filter((member) => member.decorations.some((each) => /Column$/.test(each.name)));
  if (!decorations.some((each) => ENTITY.has(each.name)) && columns.length === 0) return undefined;
  const own = members.filter((member) => member.decorations.some(isUniqueColumn)).map(({ name }) => [name]);
  const keys = members
    .filter((member) => member.decorations.some((each) => KEYS.has(each.name)))
    .map(({ name }) => name);
  const version = members.find((member) => member.decorations.some((each) => each.name === "VersionColumn"));
  const composed = decorations.filter(isUniqueIndex).flatMap(({ args }) => nameLists(args));
  return {
    name: node.id?.name ?? "?",
    base: node.superClass === null ? undefined : chainOf(node.superClass).at(-1),
    version: version?.name,
    uniques: [...own, ...composed, ...(keys.length > 0 ? [keys] : [])],
  };
}

function isTrue(node: Node | undefined): boolean {
  return node?.type === "Literal" && node.value === true;
}

function isUniqueColumn({ name, args }: Decoration): boolean {
  const unique = args.some((each) => isTrue(propertyOf(each, "unique")));
  return unique && (name === "Column" || name === "Index");
}

function isUniqueIndex({ name, args }: Decoration): boolean {
  return name === "Unique" || (name === "Index" && args.some((each) => isTrue(propertyOf(each, "unique"))));
}

function nameLists(args: readonly Node[]): string[][] {
  return args.flatMap((each) => {
    if (each.type !== "ArrayExpression") return [];
    return [each.elements.flatMap((element) => (element === null ? [] : (textIn(element) ?? [])))];
  });
}

function schemaEntity(node: NodeOf<"NewExpression">): Entity | undefined {
  const [options] = node.arguments;
  const name = textIn(propertyOf(options, "name")) ?? typeArgument(node);
  if (name === undefined) return undefined;
  const columns = propertiesOf(propertyOf(options, "columns"));
  const having = (flag: string): string[] =>
    columns.filter(({ value }) => isTrue(propertyOf(value, flag))).map((each) => each.name);
  const lists = [propertyOf(options, "uniques"), propertyOf(options, "indices")].flatMap((list) =>
    list?.type === "ArrayExpression" ? list.elements.flatMap((each) => each ?? []) : [],
  );
  const composed = lists
    .filter((each) => propertyOf(each, "unique") === undefined || isTrue(propertyOf(each, "unique")))
    .flatMap((each) => nameLists([propertyOf(each, "columns")].flatMap((columnsOf) => columnsOf ?? [])));
  const keys = having("primary");
  return {
    name,
    base: undefined,
    version: having("version")[0],
    uniques: [...having("unique").map((each) => [each]), ...composed, ...(keys.length > 0 ? [keys] : [])],
  };
}

function typeArgument(node: NodeOf<"NewExpression">): string | undefined {
  const [first] = node.typeArguments?.params ?? [];
  return first?.type === "TSTypeReference" && first.typeName.type === "Identifier"
    ? first.typeName.name
    : undefined;
}

/** The entities by name, each with what it has from the classes that it extends. */
export function inherited(entities: readonly Entity[]): ReadonlyMap<string, Entity> {
  const own = new Map(entities.map((entity) => [entity.name, entity]));
  const whole = (entity: Entity, seen: ReadonlySet<string>): Entity => {
    const base = entity.base === undefined || seen.has(entity.base) ? undefined : own.get(entity.base);
    if (base === undefined) return entity;
    const above = whole(base, new Set([...seen, base.name]));
    const version = entity.version ?? above.version;
    return { ...entity, version, uniques: [...entity.uniques, ...above.uniques] };
  };
  return new Map(entities.map((entity) => [entity.name, whole(entity, new Set([entity.name]))]));
}
