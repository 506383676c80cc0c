/**
 * What opledger needs of `pg`, described by structure, so that the driver is no dependency.
 *
 * @see https://node-postgres.com/apis/client
 */

export interface PgQueryConfig {
  readonly text: string;
  readonly values?: unknown[] | undefined;
  readonly name?: string | undefined;
}

export interface PgResult<R = Record<string, unknown>> {
  readonly rows: R[];
  readonly rowCount: number | null;
  readonly command: string;
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
}

export interface PgClientLike {
  query(config: PgQueryConfig): Promise<PgResult>;
  on(event: "error" | "end", listener: () => void): unknown;
  /** `I` idle, `T` in a transaction, `E` in a failed one; pg has it since 8.21. */
  getTransactionStatus?(): string | null;
}

export interface PgPoolClientLike extends PgClientLike {
  release(destroy?: Error | boolean): void;
}

export interface PgPoolLike {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  connect(): Promise<PgPoolClientLike>;
  on?(event: "connect", listener: (client: PgClientLike) => void): unknown;
}

export function isPool(source: PgPoolLike | PgClientLike): source is PgPoolLike {
  return "totalCount" in source;
}

/**
 * Cuts the connection, so that a query that nobody waits for any more cannot answer a later one.
 *
 * @returns whether the client has a connection that can be cut
 */
export function cut(client: PgClientLike): boolean {
  const stream = streamOf(client);
  stream?.destroy();
  return stream !== undefined;
}

export function canCut(client: PgClientLike): boolean {
  return streamOf(client) !== undefined;
}

function streamOf(client: PgClientLike): { destroy: () => void } | undefined {
  const { connection } = client as { connection?: { stream?: { destroy?: () => void } } };
  const { stream } = connection ?? {};
  return typeof stream?.destroy === "function" ? (stream as { destroy: () => void }) : undefined;
}
