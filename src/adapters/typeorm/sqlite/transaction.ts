import { RolledBackError } from "../../../core/errors.js";
import { endsTransaction } from "../../../dialects/sqlite/control.js";
import type { Gate } from "./gate.js";

/** The statements of an operation's transaction, and nothing that would end it. */
export class SqliteTransaction {
  readonly #gate: Gate;
  #closed = false;
  /** Why the transaction must not be reported as committed. */
  spoiled: RolledBackError | undefined;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  get ended(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }

  async query(sql: string, parameters?: unknown[], structured?: boolean): Promise<unknown> {
    this.refuseEnded();
    if (endsTransaction(sql)) {
      this.spoiled = new RolledBackError(
        "The work inside once() tried to begin or end a transaction; opledger does that itself. It was rolled back. Use " +
          "SAVEPOINT and ROLLBACK TO, or `manager.transaction`, for partial undo, and return to commit.",
      );
      throw this.spoiled;
    }
    return this.#gate.query(sql, parameters, structured);
  }

  /** Statements after the transaction's end would commit on their own, so there are none. */
  refuseEnded(): void {
    if (this.spoiled !== undefined) throw this.spoiled;
    if (this.#closed) {
      throw new TypeError(
        "This transaction has ended: its manager was used after the work returned. Await every query inside the work.",
      );
    }
  }
}
