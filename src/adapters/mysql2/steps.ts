import type { ResultSet, ScriptResults, Statement, WriteScript } from "../../core/executor.js";
import { LedgerDuplicate } from "../../core/failure.js";
import { runScript } from "../../core/script.js";
import { ERRNO } from "../../dialects/mysql/failure.js";
import {
  CANARY,
  type Folded,
  type Folder,
  type FoldOptions,
  type Opened,
} from "../../dialects/mysql/fold.js";
import { type Bounded, closeInTurn } from "./bounded.js";
import { errnoOf } from "./failure.js";

export const BEGIN: Statement = { sql: "START TRANSACTION", values: [] };
export const COMMIT: Statement = { sql: "COMMIT", values: [] };
export const ROLLBACK: Statement = { sql: "ROLLBACK", values: [] };
export const MARK: Statement = { sql: `SAVEPOINT ${CANARY}`, values: [] };
const PROVE: Statement = { sql: `RELEASE SAVEPOINT ${CANARY}`, values: [] };

interface ScriptRun {
  readonly results: ScriptResults;
  /** Whether a transaction is open now. */
  readonly open: boolean;
}

/** How a transaction of the ledger's own begins and ends; what is in between is the work's. */
export interface Steps {
  /** Begins a transaction, marks it and runs the opening. */
  opening(statements: readonly Statement[]): Promise<Opened>;
  /** Runs a script, in a transaction that is open afterwards where there was something to write. */
  script(script: WriteScript): Promise<ScriptRun>;
  /**
   * Runs the closing and commits.
   *
   * @param proof whether the transaction must still be the one that {@link opening} marked
   */
  closing(statements: readonly Statement[], proof: boolean): Promise<void>;
}

/** Each in one round trip where the engine can, and else one statement after the other. */
export function stepsOf(bounded: Bounded): Steps {
  const folder = bounded.sender.folder(bounded.connection);
  return folder === undefined ? new InTurn(bounded) : new InOne(bounded, folder);
}

class InOne implements Steps {
  readonly #bounded: Bounded;
  readonly #folder: Folder;
  readonly #options: FoldOptions;

  constructor(bounded: Bounded, folder: Folder) {
    this.#bounded = bounded;
    this.#folder = folder;
    this.#options = { waitSeconds: bounded.waitSeconds };
  }

  opening(statements: readonly Statement[]): Promise<Opened> {
    return this.#else(
      () => this.#send(this.#folder.opening(statements, this.#options)),
      (inTurn) => inTurn.opening(statements),
    );
  }

  script(script: WriteScript): Promise<ScriptRun> {
    const folded = this.#folder.script?.(script, this.#options);
    if (folded === undefined) return new InTurn(this.#bounded).script(script);
    return this.#else(
      () => this.#send(folded),
      (inTurn) => inTurn.script(script),
    );
  }

  closing(statements: readonly Statement[], proof: boolean): Promise<void> {
    return this.#else(
      () => this.#close(statements, proof),
      (inTurn) => inTurn.closing(statements, proof),
    );
  }

  async #close(statements: readonly Statement[], proof: boolean): Promise<void> {
    try {
      await this.#send(this.#folder.closing(statements, { ...this.#options, proof }));
    } catch (error) {
      throw errnoOf(error) === ERRNO.duplicateEntry ? new LedgerDuplicate(error) : error;
    }
  }

  #send<T>(folded: Folded<T>): Promise<T> {
    const { sender, connection, timeoutMs } = this.#bounded;
    return sender.fold(connection, folded, timeoutMs);
  }

  /** A call that the server refuses to begin has done nothing. */
  async #else<T>(run: () => Promise<T>, otherwise: (inTurn: InTurn) => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (!this.#bounded.sender.lacksProcedures(error)) throw error;
      return otherwise(new InTurn(this.#bounded));
    }
  }
}

class InTurn implements Steps {
  readonly #bounded: Bounded;

  constructor(bounded: Bounded) {
    this.#bounded = bounded;
  }

  opening([first, ...rest]: readonly Statement[]): Promise<Opened> {
    return this.#bounded.all(async () => {
      await this.#send(BEGIN);
      await this.#send(MARK);
      const results = first === undefined ? [] : [await this.#bounded.run(first)];
      // The claim was refused, and what stands in its way was read.
      const met = results.some(({ rows }) => rows.length > 0);
      if (met) await this.#send(ROLLBACK);
      else for (const each of rest) results.push(await this.#bounded.run(each));
      return { results, open: !met };
    });
  }

  script(script: WriteScript): Promise<ScriptRun> {
    return this.#bounded.all(async () => {
      const prior = await this.#bounded.run(script.prior);
      const open = prior.rows.length === 0;
      if (open) await this.#send(BEGIN);
      return { results: await runScript(this.#bounded, script, prior), open };
    });
  }

  async closing(statements: readonly Statement[], proof: boolean): Promise<void> {
    if (proof) await this.#send(PROVE);
    await this.#bounded.all(() => closeInTurn(this.#bounded, statements));
    await this.#send(COMMIT);
  }

  #send(statement: Statement): Promise<ResultSet> {
    const { sender, connection, timeoutMs } = this.#bounded;
    return sender.send(connection, statement, timeoutMs);
  }
}
