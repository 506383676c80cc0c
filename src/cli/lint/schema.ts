/** What a Prisma schema says that the rules need: which models there are, and what is unique in them. */
export interface PrismaModel {
  readonly name: string;
  /** How the client calls it: `OrderLine` is `orderLine`. */
  readonly delegate: string;
  readonly fields: ReadonlyMap<string, PrismaField>;
  /** Sets of fields that no two rows may share, each with the name that `where` takes for it. */
  readonly uniques: readonly Unique[];
}

export interface PrismaField {
  readonly name: string;
  readonly type: string;
  /** Whether it leads to another model. */
  readonly relation: boolean;
}

export interface Unique {
  readonly name: string;
  readonly fields: readonly string[];
}

export interface PrismaSchema {
  readonly provider: string | undefined;
  readonly models: readonly PrismaModel[];
}

interface Block {
  readonly kind: string;
  readonly name: string;
  readonly lines: readonly string[];
}

/** Reads a schema, or one of the files that make one up. What it does not know is passed over. */
export function parsePrismaSchema(text: string): PrismaSchema {
  const blocks = blocksOf(text);
  const models = new Set(blocks.filter(({ kind }) => kind === "model").map(({ name }) => name));
  const source = blocks.find(({ kind }) => kind === "datasource");
  const provider = source?.lines.map((line) => /^provider\s*=\s*"(\w+)"/.exec(line)?.[1]).find(Boolean);
  return {
    provider,
    models: blocks.filter(({ kind }) => kind === "model").map((block) => readModel(block, models)),
  };
}

/** Several files of one schema as one. */
export function joinSchemas(schemas: readonly PrismaSchema[]): PrismaSchema {
  const names = new Set(schemas.flatMap(({ models }) => models.map(({ name }) => name)));
  const models = schemas
    .flatMap((schema) => schema.models)
    .map((model) => ({ ...model, fields: relationsMarked(model.fields, names) }));
  return { provider: schemas.find(({ provider }) => provider !== undefined)?.provider, models };
}

function relationsMarked(
  fields: ReadonlyMap<string, PrismaField>,
  models: ReadonlySet<string>,
): ReadonlyMap<string, PrismaField> {
  return new Map([...fields].map(([name, field]) => [name, { ...field, relation: models.has(field.type) }]));
}

const BLOCK = /^(model|view|enum|type|datasource|generator)\s+(\w+)\s*\{$/;

function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { kind: string; name: string; lines: string[] } | undefined;
  for (const line of logicalLines(text)) {
    const [, kind, name] = BLOCK.exec(line) ?? [];
    if (kind !== undefined && name !== undefined) open = { kind, name, lines: [] };
    else if (line === "}" && open !== undefined) {
      blocks.push(open);
      open = undefined;
    } else open?.lines.push(line);
  }
  return blocks;
}

/** Lines without comments, where what stands in brackets across several lines is one. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let pending = "";
  for (const raw of text.replaceAll(/\/\*[\s\S]*?\*\//g, "").split("\n")) {
    pending += ` ${withoutComment(raw).trim()}`;
    const bare = pending.replaceAll(/"(?:\\.|[^"\\])*"/g, '""');
    const depth = (bare.match(/[([]/g) ?? []).length - (bare.match(/[)\]]/g) ?? []).length;
    if (depth > 0) continue;
    if (pending.trim() !== "") lines.push(pending.trim());
    pending = "";
  }
  return lines;
}

function withoutComment(line: string): string {
  return line.replace(/^((?:[^"/]|"(?:\\.|[^"\\])*"|\/(?!\/))*)\/\/.*$/, "$1");
}

function readModel({ name, lines }: Block, models: ReadonlySet<string>): PrismaModel {
  const fields = new Map<string, PrismaField>();
  const uniques: Unique[] = [];
  for (const line of lines) {
    const [, field, type] = /^(\w+)\s+(\w+)/.exec(line) ?? [];
    if (field !== undefined && type !== undefined) {
      fields.set(field, { name: field, type, relation: models.has(type) });
      if (/@(id|unique)\b/.test(line)) uniques.push({ name: field, fields: [field] });
    }
    const [, list] = /^@@(?:id|unique)\(\s*(?:fields:\s*)?\[([^\]]*)\]/.exec(line) ?? [];
    if (list === undefined) continue;
    const members = list.split(",").map((each) => each.trim().replace(/\(.*$/, ""));
    const given = /\bname:\s*"(\w+)"/.exec(line)?.[1];
    uniques.push({ name: given ?? members.join("_"), fields: members });
  }
  return { name, delegate: name.charAt(0).toLowerCase() + name.slice(1), fields, uniques };
}
