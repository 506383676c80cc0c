import type { Failure, ResultSet, Statement } from "../../core/executor.js";
import { ResponseTimeout } from "../../core/failure.js";
import type { LedgerName } from "../../dialects/postgres/failure.js";
import { canCut, cut, type PgClientLike, type PgQueryConfig } from "./client.js";
import type { PgAnswer } from "./exchange.js";
import { noteLoss, noteReprepare, pgFailure, sqlState } from "./failure.js";
import { pipelined } from "./pipeline.js";

export interface PgExecutorOptions {
  readonly ledger: LedgerName;
  /** Whether statements are prepared under names; `auto` stops where a pooler refuses them. */
  readonly prepare: "auto" | boolean;
  /** Milliseconds to wait for a connection, or for another operation on the same one. */
  readonly acquireMs: number;
}

/** More names than this come from generated column lists; making one again costs little. */
const NAMES_MAX = 1_000;

/** What the databases over one source share: how statements are sent. */
export class Sender {
  #named: boolean;
  /** Part of every name, so that a new one makes the server plan anew. */
  #generation = 0;
  /** What each name is in this generation: the same text each time, whose hash is known. */
  #names = new Map<string, string>();
  /** The names that have run on each connection, whose plans the server may keep. */
  readonly #used = new WeakMap<PgClientLike, Set<string>>();

  constructor(readonly options: PgExecutorOptions) {
    this.#named = options.prepare !== false;
  }

  config({ sql, values, name }: Statement): PgQueryConfig {
    const current = this.#named && name !== undefined ? this.#current(name) : undefined;
    return { text: sql, values: values as unknown[], name: current };
  }

  #current(name: string): string {
    let current = this.#names.get(name);
    if (current === undefined) {
      if (this.#names.size >= NAMES_MAX) this.#names.clear();
      current = `${name}_${this.#generation}`;
      this.#names.set(name, current);
    }
    return current;
  }

  failure(error: unknown): Failure {
    return pgFailure(error, this.options.ledger);
  }

  /**
   * Learns from a refused prepared statement: a pooler that has none, or a table whose columns changed since.
   *
   * @see https://www.postgresql.org/docs/current/sql-prepare.html
   */
  #learn(error: unknown, prepared: boolean): void {
    const state = sqlState(error);
    if (state === "0A000" && prepared) {
      this.#generation += 1;
      this.#names.clear();
    } else if ((state === "42P05" || state === "26000") && this.options.prepare === "auto")
      this.#named = false;
    else return;
    noteReprepare(error);
  }

  /**
   * Sends statements together and waits for their answers, but not for ever: a connection that stays silent is cut, which
   * fails the query, and its answer cannot come late.
   */
  async send(client: PgClientLike, statements: readonly Statement[], timeoutMs: number): Promise<PgAnswer[]> {
    const configs = statements.map((statement) => this.config(statement));
    const timer = canCut(client) ? setTimeout(cut, timeoutMs, client) : undefined;
    try {
      const answer = pipelined(client, configs);
      const answers = await (timer === undefined ? orSilence(answer, timeoutMs) : answer);
      this.#remember(client, configs);
      return answers;
    } catch (error) {
      throw this.#failed(client, configs, error);
    } finally {
      clearTimeout(timer);
    }
  }

  #remember(client: PgClientLike, configs: readonly PgQueryConfig[]): void {
    const used = this.#usedNames(client);
    for (const { name } of configs) if (name !== undefined) used.add(name);
  }

  #failed(client: PgClientLike, configs: readonly PgQueryConfig[], error: unknown): unknown {
    const used = this.#usedNames(client);
    noteLoss(client, error);
    this.#learn(
      error,
      configs.some(({ name }) => name !== undefined && used.has(name)),
    );
    // Made where the socket was read; this leads back to the call.
    if (error instanceof Error && Object.isExtensible(error)) Error.captureStackTrace(error);
    return error;
  }

  #usedNames(client: PgClientLike): Set<string> {
    let used = this.#used.get(client);
    if (used === undefined) {
      used = new Set();
      this.#used.set(client, used);
    }
    return used;
  }
}

/** Of a client whose connection cannot be cut, a late answer is left to itself. */
async function orSilence<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ResponseTimeout(timeoutMs)), timeoutMs);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** A client in the place of pg's may leave `fields` out. */
export function resultSet({ rows, rowCount, fields }: PgAnswer): ResultSet {
  return { rows, affected: rowCount ?? 0, types: fields?.map(({ dataTypeID }) => dataTypeID) };
}

/** A statement without values, such as BEGIN; prepared under its own words, since it is sent with every transaction. */
export function statement(sql: string): Statement {
  return { sql, values: [], name: `opledger_${sql.toLowerCase().replaceAll(" ", "_")}` };
}
