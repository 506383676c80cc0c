/**
 * What Prisma Client knows of itself and has no public way to tell. Each answer has a safe one in its place where a version of Prisma
 * keeps it somewhere else: a test fails then.
 */
interface Internals {
  readonly _activeProvider?: unknown;
  readonly _engineConfig?: {
    readonly adapter?: DriverAdapter;
    readonly transactionOptions?: TransactionTimes;
  };
  readonly _globalOmit?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly _extensions?: {
    getAllQueryCallbacks?(delegate: string, operation: string): readonly unknown[];
    getAllComputedFields?(delegate: string): object | undefined;
  };
}

export function activeProvider(client: object): unknown {
  return (client as Internals)._activeProvider;
}

interface DriverAdapter {
  readonly adapterName?: unknown;
  readonly config?: { readonly connectionTimeoutMillis?: unknown };
}

/** Whether the client's pool lets a statement wait for a connection for ever, as that of `pg` does unless it is told otherwise. */
export function waitsForEver(client: object): boolean {
  const { adapterName, config } = (client as Internals)._engineConfig?.adapter ?? {};
  return adapterName === "@prisma/adapter-pg" && config !== undefined && !config.connectionTimeoutMillis;
}

interface TransactionTimes {
  readonly maxWait?: number;
  readonly timeout?: number;
}

/** Milliseconds, where nobody says otherwise. */
const PRISMA_TIMES: Required<TransactionTimes> = { maxWait: 2_000, timeout: 5_000 };

/** What the client was told of its transactions: what Prisma takes where it was told nothing is left out. */
export function transactionTimes(client: object): TransactionTimes {
  const { maxWait, timeout } = (client as Internals)._engineConfig?.transactionOptions ?? {};
  return {
    ...(maxWait !== undefined && maxWait !== PRISMA_TIMES.maxWait && { maxWait }),
    ...(timeout !== undefined && timeout !== PRISMA_TIMES.timeout && { timeout }),
  };
}

/** The fields that the client was told never to select. */
export function globalOmit(client: object, delegate: string): Readonly<Record<string, unknown>> {
  return (client as Internals)._globalOmit?.[delegate] ?? {};
}

/**
 * Why a write must go through the model's own method; undefined where nothing hangs on that.
 *
 * @param delegate under whose name extensions are registered, and not under the model's
 */
export function extendedBy(client: object, delegate: string, operation: string): string | undefined {
  const extensions = (client as Internals)._extensions;
  if ((extensions?.getAllQueryCallbacks?.(delegate, operation) ?? []).length > 0) return "a query extension";
  const computed = extensions?.getAllComputedFields?.(delegate);
  return computed !== undefined && Object.keys(computed).length > 0 ? "a result extension" : undefined;
}

const quiet = new WeakMap<object, object>();

/**
 * A client that does not note where in the source it is called, as Prisma does for messages that show the line. For our own statements
 * that line would be one of ours, and noting it takes a tenth of the time of a call.
 */
export function withoutCallSites<Client extends object>(client: Client): Client {
  const known = quiet.get(client);
  if (known !== undefined) return known as Client;
  const made = Object.create(client, { _errorFormat: { value: "minimal" } }) as Client;
  quiet.set(client, made);
  return made;
}
