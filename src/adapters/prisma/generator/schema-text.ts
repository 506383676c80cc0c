/** What of a schema Prisma's data model leaves out or rounds, read from its text. */
export interface SchemaText {
  /** Views look like models in the data model, but nothing can be written to them. */
  readonly views: ReadonlySet<string>;
  /** By enum, where `@@schema` gives one. */
  readonly enumSchemas: ReadonlyMap<string, string>;
  /** The digits of a Decimal's default, which the data model holds as floating-point numbers. */
  decimalDefault(model: string, field: string): string | undefined;
  /** Comments that say `@opledger` and are none that Prisma reads. */
  readonly deafAnnotations: readonly string[];
  /** How many annotations there are, in all comments that Prisma reads. */
  readonly annotations: number;
}

const BLOCK = /^\s*(model|view|enum|type)\s+(\w+)\s*\{/;
const ANNOTATION = /@opledger\b/;

export function readSchemaText(text: string): SchemaText {
  const views = new Set<string>();
  const enumSchemas = new Map<string, string>();
  const decimals = new Map<string, string>();
  const deafAnnotations: string[] = [];
  let annotations = 0;
  let block = { kind: "", name: "" };
  for (const line of text.split("\n")) {
    const { code, comment } = splitComment(line);
    if (ANNOTATION.test(comment)) {
      if (comment.startsWith("///")) annotations += 1;
      else deafAnnotations.push(comment.trim());
    }
    const [, kind, name] = BLOCK.exec(code) ?? [];
    if (kind !== undefined && name !== undefined) block = { kind, name };
    else if (/^\s*\}/.test(code)) block = { kind: "", name: "" };
    if (kind === "view" && name !== undefined) views.add(name);
    const [, schema] = /^\s*@@schema\("([^"]+)"\)/.exec(code) ?? [];
    if (block.kind === "enum" && schema !== undefined) enumSchemas.set(block.name, schema);
    const [, field, digits] = /^\s*(\w+)\s+Decimal\b.*@default\(\s*([-\d.,\s[\]]+)\)/.exec(code) ?? [];
    if (field !== undefined && digits !== undefined) decimals.set(`${block.name}.${field}`, digits.trim());
  }
  const decimalDefault = (model: string, field: string): string | undefined =>
    decimals.get(`${model}.${field}`);
  return { views, enumSchemas, decimalDefault, deafAnnotations, annotations };
}

/** A line's code and its comment. Two slashes inside of a string begin none. */
function splitComment(line: string): { code: string; comment: string } {
  const [code = ""] = /^(?:"(?:\\.|[^"\\])*"|(?!\/\/)[^"]|")*/.exec(line) ?? [];
  return { code, comment: line.slice(code.length) };
}
