import type { PgClientLike, PgQueryConfig, PgResult } from "./client.js";

/** What a statement of ours answered. */
export type PgAnswer = Pick<PgResult, "rows" | "rowCount" | "command" | "fields">;

type Fields = PgResult["fields"];

/** Turns a value into what is sent for it: text, bytes or null. */
export type ValueMapper = (value: unknown) => unknown;

/** The connection under a client of pg's, of which only what its own queries call is used. */
export interface PgConnection {
  readonly parsedStatements: Record<string, string>;
  readonly submittedNamedStatements?: Record<string, string>;
  readonly stream: { write(message: Buffer): boolean };
  parse(query: object): void;
  bind(config: object): void;
  describe(portal: object): void;
  execute(portal: object): void;
  sync(): void;
  on(event: "parseComplete", listener: () => void): void;
  removeListener(event: "parseComplete", listener: () => void): void;
}

type TypeParsers = { getTypeParser(oid: number, format: "text"): (text: string) => unknown };

/** Takes a connection's place while messages are written: it keeps them. */
interface Outbox {
  readonly connection: PgConnection;
  messages: Buffer[];
  /** The messages that follow every Bind, the same each time: Describe and Execute. */
  readonly run: Buffer;
  /** The one that follows where there is nothing to describe. */
  readonly execute: Buffer;
  readonly sync: Buffer;
  /** The columns that each named statement had last. */
  readonly columns: Map<string, readonly string[]>;
}

/** One per connection, since an object with a prototype of its own costs more to make than all that is done with it. */
const outboxes = new WeakMap<PgConnection, Outbox>();

/** More names than this come from generated column lists. */
const COLUMN_LISTS_MAX = 1_000;

function outboxOf(connection: PgConnection): Outbox {
  const known = outboxes.get(connection);
  if (known !== undefined) return known;
  const outbox: { -readonly [K in keyof Outbox]: Outbox[K] } = {
    connection: Object.create(connection, {
      stream: { value: { writable: true, write: (message: Buffer) => outbox.messages.push(message) > 0 } },
    }),
    messages: [],
    run: NOTHING,
    execute: NOTHING,
    sync: NOTHING,
    columns: new Map(),
  };
  connection.describe.call(outbox.connection, { type: "P", name: "" });
  connection.execute.call(outbox.connection, { portal: "" });
  outbox.run = Buffer.concat(outbox.messages);
  outbox.execute = outbox.messages.at(-1) ?? NOTHING;
  outbox.messages = [];
  connection.sync.call(outbox.connection);
  outbox.sync = Buffer.concat(outbox.messages);
  outboxes.set(connection, outbox);
  return outbox;
}

const NOTHING = Buffer.alloc(0);

/** Statements that never have columns, so that the server need not be asked for them. */
const ROWLESS = /^(?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b/;

/**
 * Several statements, or one, in one round trip and one write: pg's client takes it for a query of its own, as it does
 * pg-cursor's and pg-query-stream's. Its messages are pg's, and so is what its values and its columns' types are made into.
 * It does less than a query of pg's, which every call of the ledger would pay for: nothing is emitted, and neither
 * configuration nor values are copied.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 */
export class Exchange {
  /** The first statement's, for those who watch a client's queries. */
  readonly text: string | undefined;
  readonly #client: PgClientLike;
  readonly #configs: readonly PgQueryConfig[];
  readonly #mapped: ValueMapper;
  readonly #answers: PgAnswer[] = [];
  #outbox: Outbox | undefined;
  #fields: Fields = [];
  #columns: readonly string[] = [];
  #parsers: ((text: string) => unknown)[] = [];
  #rows: Record<string, unknown>[] = [];
  /** What kept an answer's value from being read. */
  #unread: Error | undefined;
  /** The statements parsed in this exchange, in the order of their Parse messages; most are known to the server already. */
  #parsed: PgQueryConfig[] | undefined;
  #parsesDone = 0;
  /** The client replaces it where it has a `query_timeout` to clear. */
  callback: (error: Error | null, answers?: PgAnswer[]) => void;

  constructor(
    client: PgClientLike,
    configs: readonly PgQueryConfig[],
    mapped: ValueMapper,
    resolve: (answers: PgAnswer[]) => void,
    reject: (error: Error) => void,
  ) {
    this.#client = client;
    this.#configs = configs;
    this.#mapped = mapped;
    this.text = configs[0]?.text;
    this.callback = (error, answers = []) => (error === null ? resolve(answers) : reject(error));
  }

  /** @returns why nothing was written, such as a value that has no text form */
  submit(connection: PgConnection): Error | null {
    const outbox = outboxOf(connection);
    const messages: Buffer[] = [];
    outbox.messages = messages;
    this.#outbox = outbox;
    try {
      for (const config of this.#configs) {
        const { name = "", text, values } = config;
        if (!isParsed(connection, name)) this.#parse(connection, outbox, name, text);
        const bind = { portal: "", statement: name, values, binary: false, valueMapper: this.#mapped };
        connection.bind.call(outbox.connection, bind);
        messages.push(ROWLESS.test(text) ? outbox.execute : outbox.run);
      }
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
    messages.push(outbox.sync);
    if (this.#parsed !== undefined) this.#countParses(connection);
    // One write for all messages: as many small ones would cost as many system calls' worth of work.
    connection.stream.write(Buffer.concat(messages));
    return null;
  }

  #parse(connection: PgConnection, outbox: Outbox, name: string, text: string): void {
    connection.parse.call(outbox.connection, { name, text });
    if (name !== "" && connection.submittedNamedStatements !== undefined)
      connection.submittedNamedStatements[name] = text;
    this.#parsed ??= [];
    this.#parsed.push({ name, text });
  }

  #countParses(connection: PgConnection): void {
    const parseDone = (): void => {
      this.#parsesDone += 1;
    };
    connection.on("parseComplete", parseDone);
    this.#finished = () => connection.removeListener("parseComplete", parseDone);
  }

  #finished: () => void = () => {};

  handleRowDescription({ fields }: { fields: Fields }): void {
    const types = this.#client as unknown as TypeParsers;
    const { columns } = this.#outbox as Outbox;
    const name = this.#configs[this.#answers.length]?.name ?? "";
    let known = columns.get(name);
    if (known === undefined || !sameNames(known, fields)) {
      known = fields.map((field) => field.name);
      if (columns.size >= COLUMN_LISTS_MAX) columns.clear();
      columns.set(name, known);
    }
    this.#fields = fields;
    this.#columns = known;
    // Looked up each time, since the caller may set others at any time.
    this.#parsers = fields.map(({ dataTypeID }) => types.getTypeParser(dataTypeID, "text"));
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    if (this.#unread !== undefined) return;
    const row: Record<string, unknown> = {};
    try {
      for (let index = 0; index < fields.length; index++) {
        const text = fields[index] ?? null;
        const value = text === null ? null : this.#parsers[index]?.(text);
        const column = this.#columns[index] ?? "";
        if (column === "__proto__") Object.defineProperty(row, column, { ...PLAIN, value });
        else row[column] = value;
      }
    } catch (error) {
      // Thrown from here it would end the process.
      this.#unread = error instanceof Error ? error : new Error(String(error));
    }
    this.#rows.push(row);
  }

  handleCommandComplete({ text }: { text: string }): void {
    const space = text.indexOf(" ");
    const count = space < 0 ? Number.NaN : Number(text.slice(text.lastIndexOf(" ") + 1));
    this.#answers.push({
      rows: this.#rows,
      fields: this.#fields,
      rowCount: Number.isNaN(count) ? null : count,
      command: space < 0 ? text : text.slice(0, space),
    });
    this.#rows = [];
    this.#fields = [];
  }

  handleReadyForQuery(connection: PgConnection): void {
    this.#remember(connection);
    if (this.#unread === undefined) this.callback(null, this.#answers);
    else this.callback(this.#unread);
  }

  handleError(error: Error, connection: PgConnection): void {
    this.#remember(connection);
    this.callback(error);
  }

  /** Tells the client which names the server now knows: those whose Parse it answered, and no others. */
  #remember(connection: PgConnection): void {
    if (this.#parsed === undefined) return;
    this.#finished();
    this.#parsed.forEach(({ name, text }, index) => {
      if (name === undefined || name === "") return;
      if (index < this.#parsesDone) connection.parsedStatements[name] = text;
      delete connection.submittedNamedStatements?.[name];
    });
  }
}

const PLAIN = { enumerable: true, configurable: true, writable: true } as const;

function isParsed({ parsedStatements, submittedNamedStatements }: PgConnection, name: string): boolean {
  if (name === "") return false;
  return parsedStatements[name] !== undefined || submittedNamedStatements?.[name] !== undefined;
}

function sameNames(known: readonly string[], fields: readonly { readonly name: string }[]): boolean {
  if (known.length !== fields.length) return false;
  for (let index = 0; index < known.length; index++) if (known[index] !== fields[index]?.name) return false;
  return true;
}
