import type { Engine } from "../index.js";
import { quoted } from "../quote.js";

/** A change of a user's own table, and what goes with it in the application. */
export interface Pattern {
  /** Each is a migration of its own, in this order. */
  readonly steps: readonly PatternStep[];
  /** What to add to the Prisma schema. */
  readonly prisma: string;
  /** What to add to the TypeORM entity. */
  readonly typeorm: string;
}

export interface PatternStep {
  /** In snake case. */
  readonly name: string;
  readonly up: readonly string[];
  readonly down: readonly string[];
  /** False where the engine cannot run it inside a transaction. */
  readonly transactional: boolean;
}

/** The table that a pattern changes. */
export interface PatternTable {
  readonly engine: Engine;
  readonly schema?: string | undefined;
  readonly table: string;
}

export function tableRef({ engine, schema, table }: PatternTable): string {
  return quoted(engine, schema === undefined ? [table] : [schema, table]);
}

/** A name beside the table's, in its schema. */
export function besideRef(target: PatternTable, name: string): string {
  return tableRef({ ...target, table: name });
}

/** Seconds that a change may wait for those who use the table, who would queue up behind it. */
const LOCK_SECONDS = 5;

/** Statements that must have the table for a moment, and give up where they do not get it soon. */
export function briefly(engine: Engine, statements: readonly string[]): string[] {
  switch (engine) {
    case "postgres":
      return [`SET lock_timeout = '${LOCK_SECONDS}s'`, ...statements, "RESET lock_timeout"];
    case "mysql":
    case "mariadb":
      return [
        `SET SESSION lock_wait_timeout = ${LOCK_SECONDS}`,
        ...statements,
        "SET SESSION lock_wait_timeout = DEFAULT",
      ];
    case "sqlite":
      return [...statements];
  }
}

/** `order_items` as `OrderItems`. */
export function modelName(table: string): string {
  return camel(`_${table}`);
}

/** `order_id` as `orderId`. */
export function camel(name: string): string {
  return name.replaceAll(/_+([a-z0-9])/gi, (_, first: string) => first.toUpperCase());
}

/** A name of files and classes: letters, digits and underscores. */
export function fileName(...parts: readonly string[]): string {
  return parts
    .join("_")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_");
}
