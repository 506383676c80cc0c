import { type Engine, ledgerMigrations, type Migration, type MigrationOptions } from "./index.js";
import { fileName, type LockLimit, lockLimit, type Pattern } from "./patterns/pattern.js";

/** What reads the migration: Prisma's folder, a class of TypeORM's, or the database's own command line. */
export type MigrationTool = "prisma" | "typeorm" | "sql";

/** A file to write, by its path below the folder of migrations. */
export interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}

/** The JavaScript that a TypeORM migration is written in. */
export type MigrationLanguage = "ts" | "esm" | "cjs";

export interface GenerateOptions extends MigrationOptions {
  readonly tool: MigrationTool;
  readonly engine: Engine;
  /** `ts` unless given; for TypeORM. */
  readonly language?: MigrationLanguage | undefined;
  /** The moment that the files are named after, since migrations run in the order of their names. */
  readonly at: Date;
  /** The ledger's version that earlier migrations lead to; 0, where there is none, unless given. */
  readonly from?: number | undefined;
}

/**
 * The migrations that take a ledger from a version to the newest: one per step, since each is a transaction. None where it
 * is the newest already.
 *
 * @throws {TypeError} a name is not one that the engine keeps whole, or the engine has no partitions that fit
 */
export function generateMigrations(options: GenerateOptions): GeneratedFile[] {
  return generateFrom(ledgerMigrations(options.engine, options), options);
}

/** The same from given steps. */
function generateFrom(steps: readonly Migration[], options: GenerateOptions): GeneratedFile[] {
  const { from = 0, at } = options;
  const missing = steps.filter(({ version }) => version > from);
  return missing.flatMap((step, index) => {
    // Names must differ, and sort in the order of the steps.
    const moment = new Date(at.getTime() + index * 1_000);
    return fileOf[options.tool]({
      moment,
      // Ledgers of several names may be made in the same second.
      name: `${options.table === undefined ? `opledger_${step.name}` : fileName(options.table)}_v${step.version}`,
      head: headline(options, step.version),
      transactional: true,
      up: step.upStatements,
      down: step.downStatements,
      // Only the mysql client knows DELIMITER; Prisma sends a file as it is.
      upScript: options.tool === "sql" ? step.upScript : step.up,
      downScript: options.tool === "sql" ? step.downScript : step.down,
      language: options.language ?? "ts",
    });
  });
}

/** A migration of one tool or another, whatever it is for. */
export interface Draft {
  readonly moment: Date;
  /** In snake case. */
  readonly name: string;
  /** What the first line says. */
  readonly head: string;
  readonly up: readonly string[];
  readonly down: readonly string[];
  readonly upScript: string;
  readonly downScript: string;
  readonly language: MigrationLanguage;
  /** False where it must not run inside a transaction. */
  readonly transactional: boolean;
  /** For classes; scripts hold it already. */
  readonly limit?: LockLimit | undefined;
}

export interface PatternFilesOptions {
  readonly tool: MigrationTool;
  readonly engine: Engine;
  readonly language?: MigrationLanguage | undefined;
  readonly at: Date;
}

/** The migrations of a pattern, one per step. */
export function patternFiles({ steps }: Pattern, options: PatternFilesOptions): GeneratedFile[] {
  return steps.flatMap((step, index) => {
    const limit = step.brief ? lockLimit(options.engine) : undefined;
    const script = (statements: readonly string[]): string => scriptOf(limited(statements, limit), options);
    return fileOf[options.tool]({
      ...step,
      moment: new Date(options.at.getTime() + index * 1_000),
      name: `add_${step.name}`,
      head: "made by opledger migration add",
      upScript: script(step.up),
      downScript: script(step.down),
      language: options.language ?? "ts",
      limit,
    });
  });
}

/** Where they fail, the session ends: clients and Prisma stop there. */
function limited(statements: readonly string[], limit: LockLimit | undefined): readonly string[] {
  return limit === undefined || statements.length === 0
    ? statements
    : [limit.set, ...statements, limit.restore];
}

/** The mysql client ends statements at the first semicolon unless it is told otherwise. */
function scriptOf(statements: readonly string[], { tool, engine }: PatternFilesOptions): string {
  const client = tool === "sql" && (engine === "mysql" || engine === "mariadb");
  return statements
    .map((sql) => (client && sql.includes(";") ? `DELIMITER //\n${sql}//\nDELIMITER ;\n` : `${sql};\n`))
    .join("\n");
}

/** Which ledger a migration is about. */
interface LedgerMark {
  readonly engine: Engine;
  readonly schema?: string | undefined;
  readonly table: string;
}

/** What a project's migrations lead to. */
export interface GeneratedLedger {
  readonly version: number;
  readonly partitions: boolean;
}

function mark({ engine, schema, table = "opledger_operations" }: MarkOptions): LedgerMark {
  const place = schema ?? (engine === "postgres" ? "public" : undefined);
  return { engine, ...(place === undefined ? {} : { schema: place }), table };
}

type MarkOptions = Pick<GenerateOptions, "engine" | "schema" | "table">;

/** The first line of a generated file: which ledger it takes to which version, for whoever generates the next one. */
function headline(options: GenerateOptions, version: number): string {
  const led: GeneratedLedger = { version, partitions: options.partitions === true };
  return `opledger ledger ${JSON.stringify({ ...mark(options), ...led })}`;
}

/**
 * What files made by {@link generateMigrations} lead to; undefined where none of them is about this ledger.
 *
 * @param texts what the migrations of a project say
 */
export function generatedLedger(texts: readonly string[], options: MarkOptions): GeneratedLedger | undefined {
  const wanted = mark(options);
  let newest: GeneratedLedger | undefined;
  for (const text of texts) {
    const [, json = "null"] = /\bopledger ledger (\{.*\})\s*$/m.exec(text) ?? [];
    const said = JSON.parse(json) as (LedgerMark & GeneratedLedger) | null;
    if (said === null || said.engine !== wanted.engine || said.table !== wanted.table) continue;
    if (said.schema === wanted.schema && said.version > (newest?.version ?? 0)) newest = said;
  }
  return newest;
}

/** `20260131120000`, as Prisma names its folders. */
function stamp(moment: Date): string {
  return moment.toISOString().replaceAll(/\D/g, "").slice(0, 14);
}

const fileOf: Readonly<Record<MigrationTool, (draft: Draft) => GeneratedFile[]>> = {
  prisma: ({ moment, name, head, upScript }) => [
    { path: `${stamp(moment)}_${name}/migration.sql`, text: `-- ${head}\n\n${upScript}` },
  ],
  typeorm: (draft) => {
    const extension = draft.language === "ts" ? "ts" : "js";
    const path = `${draft.moment.getTime()}-${pascal(draft.name)}.${extension}`;
    return [{ path, text: typeormClass(draft) }];
  },
  sql: ({ moment, name, head, upScript, downScript }) => [
    { path: `${stamp(moment)}_${name}.up.sql`, text: `-- ${head}\n\n${upScript}` },
    { path: `${stamp(moment)}_${name}.down.sql`, text: `-- undoes ${head}\n\n${downScript}` },
  ],
};

function pascal(name: string): string {
  return name.replaceAll(/(?:^|_)([a-z0-9])/g, (_, first: string) => first.toUpperCase());
}

/** TypeORM orders migrations by the 13 digits at the end of the class's name. */
function typeormClass(draft: Draft): string {
  const { name, moment, head, up, down, language, transactional } = draft;
  const className = `${pascal(name)}_${moment.getTime()}`;
  const typed = language === "ts";
  const queryRunner = typed ? "queryRunner: QueryRunner" : "queryRunner";
  // TypeORM takes this only where migrations run one by one: --transaction each.
  const outside = transactional ? "" : `  transaction = false;\n`;
  const returns = typed ? ": Promise<void>" : "";
  const method = (method: string, statements: readonly string[]): string =>
    `  async ${method}(${queryRunner})${returns} {\n${body(statements, draft)}  }\n`;
  const opening = {
    ts: `import type { MigrationInterface, QueryRunner } from "typeorm";\n\nexport class ${className} implements MigrationInterface {`,
    esm: `export class ${className} {`,
    cjs: `module.exports = class ${className} {`,
  }[language];
  return `// ${head}
${opening}
  name = "${className}";
${outside}
${method("up", up)}
${method("down", down)}}${language === "cjs" ? ";" : ""}
`;
}

/** A pooled connection outlives a migration that failed, so that what was set on it must be put back. */
function body(statements: readonly string[], { limit }: Draft): string {
  if (limit === undefined || limit.undoneByRollback || statements.length === 0)
    return limited(statements, limit)
      .map((each) => call(each))
      .join("");
  const inside = statements.map((each) => call(each, "      ")).join("");
  return `${call(limit.set)}    try {\n${inside}    } finally {\n${call(limit.restore, "      ")}    }\n`;
}

function call(statement: string, indent: string = "    "): string {
  return `${indent}await queryRunner.query(\`${statement.replaceAll(/[\\`]|\$\{/g, "\\$&")}\`);\n`;
}
