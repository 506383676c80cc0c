import type { Failure, ResultSet, Row, Statement } from "../../core/executor.js";
import { ResponseTimeout } from "../../core/failure.js";
import { ERRNO, lacksProcedure } from "../../dialects/mysql/failure.js";
import type { Folded, Folder } from "../../dialects/mysql/fold.js";
import { MARIADB_FOLDER } from "../../dialects/mysql/fold-mariadb.js";
import { mysqlFolder } from "../../dialects/mysql/fold-mysql.js";
import { type EngineName, probe, TRAITS } from "../../dialects/mysql/index.js";
import type { Traits } from "../../dialects/mysql/traits.js";
import { type Connection, inTransaction, type MysqlHeader } from "./client.js";
import { errnoOf, mysql2Failure, noteLoss, noteOutdated } from "./failure.js";
import { bindable, inlined } from "./literal.js";

export interface SessionOptions {
  readonly schema: string | undefined;
  readonly table: string;
  /** Which server it is; asked of the first connection unless given. */
  readonly engine: EngineName | undefined;
  readonly prepare: boolean;
  /** Milliseconds to wait for a connection of the pool. */
  readonly acquireMs: number;
}

/** An answer of the server: its result sets, and what it said of a statement without rows. */
interface Answer {
  readonly sets: readonly (readonly Row[])[];
  readonly header: MysqlHeader | undefined;
}

/** What the databases over one source share: how statements are sent, and what the server is. */
export class Sender {
  #engine: EngineName | undefined;
  #prepared: boolean;
  #procedures = true;
  /** The connections on which the last statement without rows left a transaction open. */
  readonly #open = new WeakSet<Connection>();

  constructor(readonly options: SessionOptions) {
    this.#engine = options.engine;
    this.#prepared = options.prepare;
  }

  get known(): boolean {
    return this.#engine !== undefined;
  }

  get traits(): Traits {
    return TRAITS[this.engine];
  }

  /** @throws {Error} no connection has told yet */
  get engine(): EngineName {
    if (this.#engine === undefined) throw new Error("the server's engine is not known yet");
    return this.#engine;
  }

  /** Undefined where nothing can be folded. */
  folder(connection: Connection): Folder | undefined {
    if (this.traits.compoundStatements) return MARIADB_FOLDER;
    if (!this.#procedures) return undefined;
    return mysqlFolder(this.options, (statement) => inlined(statement, connection.config?.timezone));
  }

  /** Whether an error says that the ledger's procedures are missing, or not ours to call; they are done without from now on. */
  lacksProcedures(error: unknown): boolean {
    if (!(error instanceof Error) || !lacksProcedure(errnoOf(error), error.message, this.options.table))
      return false;
    this.#procedures = false;
    return true;
  }

  failure(error: unknown): Failure {
    return mysql2Failure(error, this.options.table);
  }

  /** Learns from the server's greeting, or by asking, what it is. */
  async learn(connection: Connection, timeoutMs: number): Promise<void> {
    if (this.#engine !== undefined) return;
    let version = connection._handshakePacket?.serverVersion;
    if (version === undefined) {
      const [row] = (
        await this.send(connection, { sql: "SELECT VERSION() AS version", values: [] }, timeoutMs)
      ).rows;
      version = String(row?.version);
    }
    this.#engine = /mariadb/i.test(version) ? "mariadb" : "mysql";
  }

  async send(connection: Connection, statement: Statement, timeoutMs: number): Promise<ResultSet> {
    const { sets, header } = await this.answer(connection, statement, timeoutMs);
    const [rows] = sets;
    return rows === undefined
      ? { rows: [], affected: header?.affectedRows ?? 0 }
      : { rows, affected: rows.length };
  }

  async fold<T>(connection: Connection, { statement, read }: Folded<T>, timeoutMs: number): Promise<T> {
    return read((await this.answer(connection, statement, timeoutMs)).sets);
  }

  /** Whether the server said, after the last statement without rows, that a transaction is open. */
  isOpen(connection: Connection): boolean {
    return this.#open.has(connection);
  }

  async answer(connection: Connection, statement: Statement, timeoutMs: number): Promise<Answer> {
    try {
      const answer = readAnswer(await answered(connection, this.#ask(connection, statement), timeoutMs));
      const open = inTransaction(answer.header);
      if (open === true) this.#open.add(connection);
      else if (open === false) this.#open.delete(connection);
      return answer;
    } catch (error) {
      noteLoss(connection, error);
      if (errnoOf(error) === ERRNO.tooManyStatements) this.#prepared = false;
      if (errnoOf(error) === ERRNO.badField) await this.#examine(connection, timeoutMs, error);
      throw error;
    }
  }

  /** Finds out whether it is the ledger that lacks a column, or a table of the caller's. */
  async #examine(connection: Connection, timeoutMs: number, error: unknown): Promise<void> {
    try {
      await answered(connection, this.#ask(connection, probe(this.options)), timeoutMs);
    } catch {
      noteOutdated(error);
    }
  }

  /** With the options that the answers are read by, whatever the connection's own; text values are bound either way. */
  #ask(connection: Connection, { sql, values, name }: Statement): Promise<unknown> {
    const prepared = this.#prepared && name !== undefined;
    const text =
      prepared || values.length === 0 ? sql : inlined({ sql, values }, connection.config?.timezone);
    const options = {
      sql: text,
      ...(prepared && { values: values.map(bindable) }),
      rowsAsArray: false,
      nestTables: false,
      namedPlaceholders: false,
      // Numbers beyond 2^53 come as text, and not as another number.
      supportBigNumbers: true,
    };
    return new Promise((resolve, reject) => {
      connection[prepared ? "execute" : "query"](options, (error, result) => {
        if (error === null) resolve(result);
        else reject(error);
      });
    });
  }
}

/** Waits for an answer, but not for ever: a connection that stays silent is cut, so that its answer cannot come late. */
async function answered<T>(connection: Connection, answer: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new ResponseTimeout(timeoutMs));
      connection.destroy();
    }, timeoutMs);
  });
  answer.catch(() => {});
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Several result sets come as a list of lists, with the header of the whole at its end. */
function readAnswer(result: unknown): Answer {
  if (!Array.isArray(result)) return { sets: [], header: result as MysqlHeader };
  const sets = result.filter((part): part is Row[] => Array.isArray(part));
  if (sets.length === 0 && !result.some(isHeader)) return { sets: [result as Row[]], header: undefined };
  return { sets, header: result.find(isHeader) as MysqlHeader | undefined };
}

function isHeader(part: unknown): boolean {
  return (part as { constructor?: { name?: string } } | undefined)?.constructor?.name === "ResultSetHeader";
}
