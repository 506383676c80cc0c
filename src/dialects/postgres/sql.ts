import { createHash } from "node:crypto";

/** PostgreSQL cuts longer names off, so that two of them could meet in one. */
const IDENTIFIER_BYTES_MAX = 63;

/**
 * The only way an identifier gets into SQL.
 *
 * @throws {TypeError} the name is empty, longer than PostgreSQL keeps, or holds a NUL or a lone surrogate
 */
export function quote(name: string): string {
  if (typeof name !== "string" || name.length === 0 || name.includes("\0") || !name.isWellFormed()) {
    throw new TypeError(`not an identifier: ${JSON.stringify(name)}`);
  }
  if (Buffer.byteLength(name) > IDENTIFIER_BYTES_MAX) {
    throw new TypeError(`identifier longer than ${IDENTIFIER_BYTES_MAX} bytes: ${JSON.stringify(name)}`);
  }
  return `"${name.replaceAll('"', '""')}"`;
}

export function quotePath(path: readonly string[]): string {
  return path.map(quote).join(".");
}

/** What the ledger's column `state` holds. */
export const STATE = { claimed: 0, completed: 1, failed: 2 } as const;

/** SQL that can be prepared under a name of its own. */
export interface Prepared {
  readonly sql: string;
  readonly name: string;
}

export function prepared(sql: string): Prepared {
  return { sql, name: `opledger_${createHash("sha256").update(sql).digest("hex").slice(0, 24)}` };
}

/** More shapes than this come from generated column lists; forgetting the oldest only costs building it again. */
const SHAPES_MAX = 500;

/** The SQL of each shape of write, built once. */
export class Shapes {
  readonly #byKey = new Map<string, Prepared>();

  get(key: string, build: () => string): Prepared {
    return this.#byKey.get(key) ?? this.set(key, build());
  }

  set(key: string, sql: string): Prepared {
    if (this.#byKey.size >= SHAPES_MAX) {
      for (const oldest of this.#byKey.keys()) {
        this.#byKey.delete(oldest);
        break;
      }
    }
    const made = prepared(sql);
    this.#byKey.set(key, made);
    return made;
  }
}

/** Numbers the placeholders of a statement. */
export class Parameters {
  #next: number;

  constructor(first: number) {
    this.#next = first;
  }
  next(): string {
    return `$${this.#next++}`;
  }
}

/** Texts that our own statements make PostgreSQL quote back in an error, so that the failure can be told apart. */
export const MARKER = {
  notOurs: "opledger:not-ours",
  unfinished: "opledger:unfinished",
  resultTooLarge: "opledger:result-too-large",
  manyRows: "opledger:many-rows",
  rowsChanged: "opledger:rows-changed",
} as const;

/** `lock_timeout` counts 0 as for ever, so the least wait is a millisecond. */
export function lockTimeout(waitMs: number): string {
  return String(Math.max(1, Math.ceil(waitMs)));
}
