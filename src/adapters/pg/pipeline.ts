import type { PgClientLike, PgQueryConfig, PgResult } from "./client.js";

/**
 * Sends several statements in one round trip.
 *
 * A client with `pipeline: true` does so by itself. Any other sends one query at a time, but accepts an object with a
 * `submit` method, as pg-cursor and pg-query-stream are; ours lets pg's own Query objects write their messages, and
 * sends a single Sync behind the last. The server skips the rest once one fails. Where the client is not pg's
 * JavaScript one, the statements go one after the other.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 */
export function pipelined(client: PgClientLike, configs: readonly PgQueryConfig[]): Promise<PgResult[]> {
  if ((client as { pipeline?: unknown }).pipeline === true) return concurrently(client, configs);
  const Query = queryClass(client);
  return Query === undefined || configs.length === 1
    ? oneByOne(client, configs)
    : batched(client, Query, configs);
}

async function concurrently(client: PgClientLike, configs: readonly PgQueryConfig[]): Promise<PgResult[]> {
  const settled = await Promise.allSettled(configs.map((config) => client.query(config)));
  const failed = settled.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
}

async function oneByOne(client: PgClientLike, configs: readonly PgQueryConfig[]): Promise<PgResult[]> {
  const results: PgResult[] = [];
  for (const config of configs) results.push(await client.query(config));
  return results;
}

/** pg's own query, of which the batch uses only what the client itself calls. */
interface PgQuery {
  name?: string | undefined;
  queryMode?: string;
  readonly text: string;
  requiresPreparation?(): boolean;
  submit(connection: PgConnection): Error | null;
  handleRowDescription(message: unknown): void;
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: PgConnection): void;
  handleReadyForQuery(connection: PgConnection): void;
  handleError(error: Error, connection: PgConnection): void;
  _result?: { _types?: unknown };
}

type PgQueryClass = new (
  config: object | string,
  values: unknown,
  callback: (error: Error | null, result: PgResult) => void,
) => PgQuery;

interface PgConnection {
  readonly parsedStatements: Record<string, string>;
  readonly submittedNamedStatements?: Record<string, string>;
  readonly stream: { write(message: Buffer): boolean };
  parse(query: object): void;
  sync(): void;
  on(event: "parseComplete", listener: () => void): void;
  removeListener(event: "parseComplete", listener: () => void): void;
}

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
  const { connection, constructor: clientClass } = client as {
    connection?: Partial<PgConnection>;
    constructor: { Query?: unknown };
  };
  const Query = clientClass.Query as PgQueryClass | undefined;
  const usable =
    typeof Query === "function" &&
    typeof connection?.sync === "function" &&
    typeof connection.parse === "function" &&
    connection.parsedStatements !== undefined &&
    speaksExtended(Query);
  return usable ? Query : undefined;
}

const extended = new WeakMap<PgQueryClass, boolean>();

/** Whether this version's Query can be told to use the extended protocol where it has no values, as BEGIN has none. */
function speaksExtended(Query: PgQueryClass): boolean {
  const known = extended.get(Query);
  if (known !== undefined) return known;
  const probe = new Query("BEGIN", undefined, () => {});
  probe.queryMode = "extended";
  const speaks =
    typeof probe.submit === "function" &&
    typeof probe.handleReadyForQuery === "function" &&
    probe.requiresPreparation?.() === true;
  extended.set(Query, speaks);
  return speaks;
}

function batched(
  client: PgClientLike,
  Query: PgQueryClass,
  configs: readonly PgQueryConfig[],
): Promise<PgResult[]> {
  return new Promise((resolve, reject) => {
    const submit = client.query as unknown as (this: PgClientLike, batch: Batch) => void;
    submit.call(client, new Batch(client, Query, configs, resolve, reject));
  });
}

/** Takes a connection's place while queries write their messages: it keeps them, and lets no Sync through. */
interface Outbox {
  readonly connection: PgConnection;
  messages: Buffer[];
  /** Called for each Parse that is written. */
  parsing: () => void;
}

/** One per connection, since an object with a prototype of its own costs more to make than all that is done with it. */
const outboxes = new WeakMap<PgConnection, Outbox>();

function outboxOf(connection: PgConnection): Outbox {
  const known = outboxes.get(connection);
  if (known !== undefined) return known;
  const stream = { writable: true, write: (message: Buffer) => outbox.messages.push(message) > 0 };
  const standIn = Object.create(connection, {
    stream: { value: stream },
    sync: { value: () => {} },
    parse: {
      value: (query: object) => {
        outbox.parsing();
        connection.parse.call(standIn, query);
      },
    },
  }) as PgConnection;
  const outbox: Outbox = { connection: standIn, messages: [], parsing: () => {} };
  outboxes.set(connection, outbox);
  return outbox;
}

class Batch {
  readonly #queries: PgQuery[];
  readonly #results: PgResult[] = [];
  /** The named statements parsed in this batch, in the order of their Parse messages. */
  readonly #parsed: PgQuery[] = [];
  #parsesDone = 0;
  /** Why a query could not be put into messages, such as a value that has no text form. */
  #refusal: Error | undefined;
  #current = 0;
  /** The client replaces it where it has a `query_timeout` to clear. */
  callback: (error: Error | null, results?: PgResult[]) => void;

  constructor(
    client: PgClientLike,
    Query: PgQueryClass,
    configs: readonly PgQueryConfig[],
    resolve: (results: PgResult[]) => void,
    reject: (error: Error) => void,
  ) {
    const { _types: types } = client as { _types?: unknown };
    this.callback = (error, results = []) => (error === null ? resolve(results) : reject(error));
    this.#queries = configs.map((config) => {
      // Told afterwards, since pg copies a configuration property by property, with their descriptors.
      const query = new Query(config.text, config.values, (error, result) => {
        if (error === null) this.#results.push(result);
        else this.#refusal ??= error;
      });
      query.name = config.name;
      query.queryMode = "extended";
      if (query._result !== undefined) query._result._types ??= types;
      return query;
    });
  }

  submit(connection: PgConnection): Error | null {
    const outbox = outboxOf(connection);
    outbox.messages = [];
    for (const query of this.#queries) {
      outbox.parsing = () => this.#parsed.push(query);
      const refused = query.submit(outbox.connection) ?? this.#refusal;
      // Nothing was written yet, so the connection is as it was.
      if (refused !== undefined && refused !== null) return refused;
    }
    connection.sync.call(outbox.connection);
    if (this.#parsed.length > 0) {
      const parseDone = (): void => {
        this.#parsesDone += 1;
      };
      connection.on("parseComplete", parseDone);
      this.#finished = () => connection.removeListener("parseComplete", parseDone);
    }
    // One write for all messages: as many small ones would cost as many system calls' worth of work.
    connection.stream.write(Buffer.concat(outbox.messages));
    return null;
  }

  #finished: () => void = () => {};

  handleRowDescription(message: unknown): void {
    this.#queries[this.#current]?.handleRowDescription(message);
  }

  handleDataRow(message: unknown): void {
    this.#queries[this.#current]?.handleDataRow(message);
  }

  handleCommandComplete(message: unknown, connection: PgConnection): void {
    const query = this.#queries[this.#current];
    query?.handleCommandComplete(message, connection);
    query?.handleReadyForQuery(connection);
    this.#current += 1;
  }

  handleReadyForQuery(connection: PgConnection): void {
    this.#remember(connection);
    this.callback(null, this.#results);
  }

  handleError(error: Error, connection: PgConnection): void {
    this.#remember(connection);
    this.callback(error);
  }

  /** Tells the client which names the server now knows: those whose Parse it answered, and no others. */
  #remember(connection: PgConnection): void {
    this.#finished();
    this.#parsed.forEach((query, index) => {
      if (query.name === undefined || query.name === "") return;
      if (index < this.#parsesDone) connection.parsedStatements[query.name] = query.text;
      delete connection.submittedNamedStatements?.[query.name];
    });
  }
}
