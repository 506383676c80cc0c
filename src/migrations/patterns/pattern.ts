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
  /** Whether it must have the table for a moment, and so is given {@link lockLimit}. */
  readonly brief: boolean;
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

/** Statements around others that must have a table for a moment, and give up where they do not get it soon. */
export interface LockLimit {
  readonly set: string;
  readonly restore: string;
  /** Whether the end of the transaction restores it too, where the statements fail. */
  readonly undoneByRollback: boolean;
}

/** Undefined where the engine's own limit is short, and its connection's. */
export function lockLimit(engine: Engine): LockLimit | undefined {
  switch (engine) {
    case "postgres":
      return {
        set: `SET lock_timeout = '${LOCK_SECONDS}s'`,
        restore: "RESET lock_timeout",
        undoneByRollback: true,
      };
    case "mysql":
    case "mariadb":
      return {
        set: `SET @opledger_lock_wait_timeout = @@SESSION.lock_wait_timeout, SESSION lock_wait_timeout = ${LOCK_SECONDS}`,
        restore: "SET SESSION lock_wait_timeout = @opledger_lock_wait_timeout",
        undoneByRollback: false,
      };
    case "sqlite":
      return undefined;
  }
}

/** A column's name in Prisma, with what the database calls it where that differs. */
export function prismaField(column: string, type: string, attributes: readonly string[] = []): string {
  const name = camel(column);
  const mapped = name === column ? [] : [`@map("${column}")`];
  return `  ${[name, type, ...attributes, ...mapped].join(" ")}`;
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
