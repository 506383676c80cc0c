/**
 * What opledger needs of `mysql2`, described by structure, so that the driver is no dependency. Both of its faces are
 * taken, `mysql2` and `mysql2/promise`; inside, the promise face is a wrapper around the other.
 *
 * @see https://sidorares.github.io/node-mysql2/docs
 */

/** A pool of `mysql2` or `mysql2/promise`. */
export interface MysqlPoolLike {
  getConnection(...args: never[]): unknown;
}

/** A connection of `mysql2` or `mysql2/promise`, pooled or not. */
export interface MysqlConnectionLike {
  execute(...args: never[]): unknown;
  query(...args: never[]): unknown;
  destroy(): unknown;
}

/** The connection's own, callback face. */
export interface Connection {
  execute(options: QueryOptions, callback: Callback): unknown;
  query(options: QueryOptions, callback: Callback): unknown;
  destroy(): void;
  release?(): void;
  on(event: "error" | "end", listener: () => void): unknown;
  readonly config?: { readonly timezone?: string | undefined; readonly charsetNumber?: number } | undefined;
  readonly _handshakePacket?: { readonly serverVersion?: string } | undefined;
}

export interface QueryOptions {
  readonly sql: string;
  readonly values?: unknown;
  readonly [option: string]: unknown;
}

export type Callback = (error: Error | null, result?: unknown, fields?: unknown) => void;

export interface Pool {
  getConnection(callback: (error: Error | null, connection?: Connection) => void): void;
}

/** What a statement without rows answers. */
export interface MysqlHeader {
  readonly affectedRows: number;
  readonly insertId: number;
  readonly serverStatus?: number | undefined;
  readonly info?: string | undefined;
}

export function isPool(source: MysqlPoolLike | MysqlConnectionLike): source is MysqlPoolLike {
  return "getConnection" in source;
}

export function poolOf(pool: MysqlPoolLike): Pool {
  return ((pool as { pool?: unknown }).pool ?? pool) as Pool;
}

export function connectionOf(connection: MysqlConnectionLike): Connection {
  return ((connection as { connection?: unknown }).connection ?? connection) as Connection;
}

const IN_TRANSACTION = 1;

/** Whether the server said, with its answer, that a transaction is open; undefined where it answered with rows. */
export function inTransaction(result: unknown): boolean | undefined {
  const status = (result as Partial<MysqlHeader> | undefined)?.serverStatus;
  return typeof status === "number" ? (status & IN_TRANSACTION) !== 0 : undefined;
}
