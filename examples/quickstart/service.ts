import type { Server } from "../../test/servers/types.js";
import type { Charge } from "./deliveries.js";

export const MERCHANT = "merchant";

export interface Receipt {
  /** The row in `charges` that this delivery made, or found. */
  readonly number: bigint;
  readonly amountCents: bigint;
  /** The handler's own check found the charge already made. */
  readonly found: boolean;
}

export interface Answer {
  readonly status: "executed" | "replayed";
  readonly receipt: Receipt;
}

export type ServiceName = "naive" | "opledger";

/** One instance of the payment service, with connections of its own. */
export interface Service {
  /** @param effectDone called with the effect done and nothing committed; a worker that is to die then dies there */
  handle(delivery: Charge, effectDone?: () => Promise<void>): Promise<Answer>;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly connections: number;
  /** Called when COMMIT has been sent, whose answer will never be read. */
  readonly deafFromCommit?: () => void;
}

/** A database engine, and the service as it is written for the engine's own client. */
export interface Engine {
  readonly title: string;
  /** A server of its own. @throws {ServerUnavailableError} this machine has none */
  start(): Promise<Server>;
  open(service: ServiceName, url: string, options: OpenOptions): Service;
  /** The service's own tables, and those of the ledger, as statements. */
  readonly schema: readonly string[];
  readonly ledger: readonly string[];
  /** Runs statements in turn on a connection of its own; the rows of the last one. */
  run<Row>(url: string, statements: readonly string[]): Promise<Row[]>;
}
