import type { PgClientLike, PgQueryConfig, PgResult } from "./client.js";
import { Exchange, type PgAnswer, type PgConnection, type ValueMapper } from "./exchange.js";

/**
 * Sends statements in one round trip.
 *
 * A client with `pipeline: true` does so by itself. Any other sends one query at a time, but accepts an object with a
 * `submit` method, which writes the messages of all of them and a single Sync behind the last. The server skips the rest
 * once one fails. Where the client is not pg's JavaScript one, the statements go one after the other.
 */
export function pipelined(client: PgClientLike, configs: readonly PgQueryConfig[]): Promise<PgAnswer[]> {
  if ((client as { pipeline?: unknown }).pipeline === true) return concurrently(client, configs);
  const mapped = valueMapperOf(client);
  // An exchange reads text; `binary: true` is there for those who want PostgreSQL's own form.
  const readsText = (client as { binary?: unknown }).binary !== true;
  return mapped !== undefined && readsText ? together(client, configs, mapped) : oneByOne(client, configs);
}

async function concurrently(client: PgClientLike, configs: readonly PgQueryConfig[]): Promise<PgAnswer[]> {
  const settled = await Promise.allSettled(configs.map((config) => client.query(config)));
  const failed = settled.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
}

async function oneByOne(client: PgClientLike, configs: readonly PgQueryConfig[]): Promise<PgAnswer[]> {
  const results: PgAnswer[] = [];
  for (const config of configs) results.push(await client.query(config));
  return results;
}

function together(
  client: PgClientLike,
  configs: readonly PgQueryConfig[],
  mapped: ValueMapper,
): Promise<PgAnswer[]> {
  return new Promise((resolve, reject) => {
    const submit = client.query as unknown as (this: PgClientLike, exchange: Exchange) => void;
    submit.call(client, new Exchange(client, configs, mapped, resolve, reject));
  });
}

/** pg's own query, of which only what the client itself calls is used. */
interface PgQuery {
  name?: string | undefined;
  queryMode?: string;
  requiresPreparation?(): boolean;
  submit(connection: PgConnection): Error | null;
}

type PgQueryClass = new (
  config: object | string,
  values: unknown,
  callback: (error: Error | null, result: PgResult) => void,
) => PgQuery;

/** Anything that pg lets drive the connection: its own queries, cursors and streams. */
export interface Submittable {
  submit(connection: never): Error | null | undefined;
}

/**
 * Lets a query be sent only if nothing speaks against it at that moment: when it was issued, an earlier one may still
 * have been on its way.
 */
export function guard(submittable: Submittable, objection: () => Error | undefined): void {
  const submit = submittable.submit.bind(submittable);
  submittable.submit = (connection) => objection() ?? submit(connection);
}

/**
 * pg's own query object for a text or a configuration, by the extended protocol, and the promise of its result; undefined
 * where the client has none.
 */
export function queryObject(
  client: PgClientLike,
  config: object | string,
  values: unknown,
): { readonly query: Submittable; readonly result: Promise<PgResult> } | undefined {
  const Query = queryClass(client);
  if (Query === undefined) return undefined;
  const { promise, resolve, reject } = deferred<PgResult>();
  const query = new Query(config, values, (error, result) =>
    error === null ? resolve(result) : reject(error),
  );
  query.queryMode = "extended";
  return { query, result: promise };
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((succeed, fail) => {
    resolve = succeed;
    reject = fail;
  });
  return { promise, resolve, reject };
}

function queryClass(client: PgClientLike): PgQueryClass | undefined {
  const { Query } = client.constructor as { Query?: unknown };
  return valueMapperOf(client) === undefined ? undefined : (Query as PgQueryClass);
}

/** Of each class of clients; undefined where its queries are not those of pg's JavaScript client. */
const valueMappers = new WeakMap<object, ValueMapper | undefined>();

/** What pg's own queries make of the values that are bound. */
function valueMapperOf(client: PgClientLike): ValueMapper | undefined {
  const { connection, constructor: clientClass, getTypeParser } = client as ClientParts;
  if (typeof connection?.bind !== "function" || connection.parsedStatements === undefined) return undefined;
  if (typeof getTypeParser !== "function") return undefined;
  if (!valueMappers.has(clientClass)) valueMappers.set(clientClass, probed(clientClass.Query));
  return valueMappers.get(clientClass);
}

interface ClientParts {
  readonly connection?: Partial<PgConnection>;
  readonly constructor: { readonly Query?: unknown };
  readonly getTypeParser?: unknown;
}

/**
 * Lets a query write its messages to a connection that keeps nothing but the mapper that its Bind names. A version whose
 * queries cannot be told to use the extended protocol where they have no values, as BEGIN has none, has none.
 */
function probed(Query: unknown): ValueMapper | undefined {
  if (typeof Query !== "function") return undefined;
  let mapped: unknown;
  const ignore = (): void => {};
  const connection = {
    parsedStatements: {},
    submittedNamedStatements: {},
    stream: {},
    bind: ({ valueMapper }: { valueMapper?: unknown }) => {
      mapped = valueMapper;
    },
    parse: ignore,
    describe: ignore,
    execute: ignore,
    sync: ignore,
  };
  try {
    const query = new (Query as PgQueryClass)("BEGIN", undefined, ignore);
    query.queryMode = "extended";
    query.submit(connection as unknown as PgConnection);
    return typeof mapped === "function" ? (mapped as ValueMapper) : undefined;
  } catch {
    return undefined;
  }
}
