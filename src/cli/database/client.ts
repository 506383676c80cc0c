import type { ResultSet } from "../../core/executor.js";
import type { Ledger } from "../../core/ledger.js";
import type { Engine } from "../../migrations/index.js";

/** One connection to a database, and the ledger in it. */
export interface Client {
  readonly engine: Engine;
  /** As the server reports it, e.g. `17.2` or `10.11.19-MariaDB`. */
  readonly version: string;
  /** The package that it is reached by. */
  readonly driver: string;
  /** Runs one statement on the one connection; placeholders are the engine's own. */
  query(sql: string, values?: readonly unknown[]): Promise<ResultSet>;
  /** The ledger over the same connection. */
  ledger(names: LedgerNames): Ledger<unknown>;
  close(): Promise<void>;
}

export interface LedgerNames {
  /** `public` on PostgreSQL and the connection's database elsewhere where it is undefined. */
  readonly schema: string | undefined;
  readonly table: string;
}

export interface ConnectOptions {
  /** The project, whose drivers are used. */
  readonly cwd: string;
  /** Whether an SQLite file that is not there is made. */
  readonly create: boolean;
}
