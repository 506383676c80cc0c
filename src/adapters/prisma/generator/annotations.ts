import type { DMMF } from "@prisma/client/runtime/client";

/** What a comment can make of a field. */
const KNOWN = {
  "@opledger.version": versionProblem,
  "@opledger.operationId": operationIdProblem,
} as const;
type Annotation = keyof typeof KNOWN;

export interface Annotated {
  readonly version?: string;
  readonly operationId?: string;
}

/** Characters of the text of a UUID. */
const ID_LENGTH = 36;

/** The fields that a model's comments mark, and what is wrong with them. */
export function readAnnotations(model: DMMF.Model): {
  annotated: Annotated;
  problems: string[];
  count: number;
} {
  const problems: string[] = [];
  const marked = new Map<Annotation, string>();
  const onModel = written(model.documentation);
  for (const text of onModel) problems.push(`${model.name}: ${text} goes above a field, not above the model`);
  let count = onModel.length;
  for (const field of model.fields) {
    const name = `${model.name}.${field.name}`;
    const texts = written(field.documentation);
    count += texts.length;
    for (const text of texts) {
      if (!isKnown(text)) {
        problems.push(`${name}: ${text} is unknown; there are ${Object.keys(KNOWN).join(" and ")}`);
        continue;
      }
      const earlier = marked.get(text);
      const problem =
        earlier === undefined
          ? KNOWN[text](field)
          : `${text} is on \`${earlier}\` already; a model has one such field`;
      if (problem !== undefined) problems.push(`${name}: ${problem}`);
      else marked.set(text, field.name);
    }
  }
  const version = marked.get("@opledger.version");
  const operationId = marked.get("@opledger.operationId");
  const annotated = { ...(version && { version }), ...(operationId && { operationId }) };
  return { annotated, problems, count };
}

/** Every annotation of a comment, known or not. */
export function written(documentation: string | undefined): string[] {
  return documentation?.match(/@opledger\b[\w.-]*/g) ?? [];
}

function isKnown(text: string): text is Annotation {
  return Object.hasOwn(KNOWN, text);
}

function versionProblem(field: DMMF.Field): string | undefined {
  const whole = field.kind === "scalar" && (field.type === "Int" || field.type === "BigInt");
  if (!whole || field.isList || !field.isRequired) {
    return `@opledger.version needs a field of type \`Int\` or \`BigInt\`, not \`${typeOf(field)}\``;
  }
  if (field.isId || field.isUnique) {
    return "@opledger.version cannot be on an id or a unique field: rows of the same version are usual";
  }
  return undefined;
}

function operationIdProblem(field: DMMF.Field): string | undefined {
  if (field.kind !== "scalar" || field.type !== "String" || field.isList) {
    return `@opledger.operationId needs a field of type \`String?\`, not \`${typeOf(field)}\``;
  }
  if (field.isRequired && !field.hasDefaultValue) {
    return "@opledger.operationId needs `String?`, or a default: Prisma would ask for it in every `create` otherwise";
  }
  const [native, [length] = []] = field.nativeType ?? [];
  if (native === undefined || native === "Uuid" || native.endsWith("Text")) return undefined;
  const holds = native === "Char" ? Number(length) === ID_LENGTH : Number(length ?? ID_LENGTH) >= ID_LENGTH;
  if ((native === "Char" || native === "VarChar") && holds) return undefined;
  const given = `@db.${native}${length === undefined ? "" : `(${length})`}`;
  return `@opledger.operationId holds the text of a UUID, which ${given} does not; use @db.Uuid or @db.Char(${ID_LENGTH})`;
}

function typeOf(field: DMMF.Field): string {
  return `${field.type}${field.isList ? "[]" : field.isRequired ? "" : "?"}`;
}
