/**
 * What opledger needs of a Prisma client, described by structure: any generated client has it, extended or not, and so has
 * the one inside a transaction, which cannot connect.
 *
 * @see https://www.prisma.io/docs/orm/reference/prisma-client-reference
 */
export interface PrismaClientLike {
  $queryRawUnsafe(sql: string, ...values: unknown[]): Promise<unknown>;
  $executeRawUnsafe(sql: string, ...values: unknown[]): Promise<number>;
  $transaction<T>(work: (tx: PrismaClientLike) => Promise<T>, options?: PrismaTransactionOptions): Promise<T>;
  readonly $connect?: unknown;
}

export const PRISMA_ISOLATION_LEVELS = {
  "read committed": "ReadCommitted",
  "repeatable read": "RepeatableRead",
  serializable: "Serializable",
} as const;

type PrismaIsolationLevel = (typeof PRISMA_ISOLATION_LEVELS)[keyof typeof PRISMA_ISOLATION_LEVELS];

/** Prisma's own, in milliseconds; its defaults are the client's. */
export interface PrismaTransactionOptions {
  /** How long the transaction may wait for a connection. */
  readonly maxWait?: number | undefined;
  /** How long the transaction may take. */
  readonly timeout?: number | undefined;
  readonly isolationLevel?: PrismaIsolationLevel | undefined;
}

/** Inside a transaction a client has no `$connect`. */
export function isJoined(client: PrismaClientLike): boolean {
  return client.$connect === undefined;
}

const SCOPE = Symbol.for("prisma.client.transaction.scope_context");

/** What all clients inside one transaction share; the client itself where this version of Prisma does not tell. */
export function transactionOf(client: PrismaClientLike): object {
  const scope = (client as unknown as Record<symbol, { readonly scopeState?: object } | undefined>)[SCOPE];
  return scope?.scopeState ?? client;
}
