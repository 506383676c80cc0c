/** Prisma's schema engine, driven by hand: its binary is not everywhere, its WebAssembly is a package. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
  type SqlQuery,
  type SqlResultSet,
} from "@prisma/driver-adapter-utils";
import type { DiffTarget, SchemaEngine } from "@prisma/schema-engine-wasm";
import * as bindings from "@prisma/schema-engine-wasm/schema_engine_bg";

interface Bindings {
  readonly SchemaEngine: typeof SchemaEngine;
  __wbg_set_wasm(exports: WasmExports): void;
}

interface WasmExports {
  __wbindgen_start(): void;
}

/** What Node has and its types for version 20 leave out. */
const { WebAssembly: wasm } = globalThis as unknown as {
  readonly WebAssembly: {
    instantiate(module: Uint8Array, imports: object): Promise<{ instance: { exports: WasmExports } }>;
  };
};

let started: Promise<Bindings> | undefined;

async function start(): Promise<Bindings> {
  const own = bindings as unknown as Bindings;
  const entry = createRequire(import.meta.url).resolve("@prisma/schema-engine-wasm");
  const module = readFileSync(entry.replace(/\.js$/, "_bg.wasm"));
  const { instance } = await wasm.instantiate(module, { "./schema_engine_bg.js": bindings });
  own.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return own;
}

export type SchemaFiles = Readonly<Record<string, string>>;

/**
 * The SQL that leads from what the adapter's database is, or from nothing, to a schema: empty where they agree, which is what
 * `prisma migrate dev` calls no drift.
 *
 * @param externalTables what `tables.external` of prisma.config.ts names
 */
export async function schemaDiff(
  adapter: SqlMigrationAwareDriverAdapterFactory,
  from: "database" | "empty",
  files: SchemaFiles,
  externalTables: readonly string[] = [],
): Promise<string> {
  started ??= start();
  const { SchemaEngine: Engine } = await started;
  const list = Object.entries(files).map(([path, content]) => ({ path, content }));
  const datamodels = list.map(({ path, content }): [string, string] => [path, content]);
  const bound = bindMigrationAwareSqlAdapterFactory(describable(adapter));
  const engine = await Engine.new({ datamodels }, () => {}, bound);
  try {
    const source: DiffTarget =
      from === "empty" ? { tag: "empty" } : { tag: "schemaDatasource", files: list, configDir: "." };
    const { stdout } = await engine.diff({
      from: source,
      to: { tag: "schemaDatamodel", files: list },
      script: true,
      exitCode: null,
      filters: { externalTables: [...externalTables], externalEnums: [] },
    });
    return stdout ?? "";
  } finally {
    engine.free();
  }
}

const CHARACTERS = new Set(["constraint_type", "confdeltype", "confupdtype"]);

/** The engine asks PostgreSQL for columns of type "char", which the adapter cannot take, and must be told that it got them. */
function describable(factory: SqlMigrationAwareDriverAdapterFactory): SqlMigrationAwareDriverAdapterFactory {
  const { provider, adapterName } = factory;
  const connect = async (): Promise<SqlDriverAdapter> => {
    const adapter = await factory.connect();
    const ask = adapter.queryRaw.bind(adapter);
    const queryRaw = async (query: SqlQuery): Promise<SqlResultSet> => {
      const sql = query.sql
        .replace("constr.contype AS", "constr.contype::text AS")
        .replaceAll(/\bcon\.(conf(?:del|upd)type),/g, "con.$1::text AS $1,");
      const result = await ask({ ...query, sql });
      const columnTypes = result.columnTypes.map((type, at) =>
        CHARACTERS.has(result.columnNames[at] ?? "") ? ColumnTypeEnum.Character : type,
      );
      return { ...result, columnTypes };
    };
    return Object.assign(adapter, { queryRaw });
  };
  const connectToShadowDb = (): Promise<never> =>
    Promise.reject(new Error("no shadow database: it would be the main one"));
  return { provider, adapterName, connect, connectToShadowDb };
}
