export type Engine = "postgres" | "mysql" | "mariadb";

/** A running database server, and the means to hurt it. */
export interface Server {
  readonly engine: Engine;
  /** As the server itself reports it: `15.20`, `10.11.19`, `9.7.4`. */
  readonly version: string;
  readonly host: string;
  readonly port: number;
  /** An administrator without a password, on a database that exists. Stays the same across {@link restart}. */
  readonly url: string;
  /** The server's main process; another one after {@link restart}, and 0 for a server that is not ours. */
  readonly pid: number;
  /** Orderly shutdown, SIGKILL where that takes too long, then the directory is removed. Safe to call twice. */
  stop(): Promise<void>;
  /** SIGKILL of the server and all its children; resolves when the last of them is gone. The data stays. */
  kill(): Promise<void>;
  /** Starts again on the same data directory and port, after an orderly shutdown where it still runs. */
  restart(): Promise<void>;
  /** SIGSTOP of the server and all its children: connections stay open and nothing answers. */
  pause(): void;
  /** SIGCONT: undoes {@link pause}. */
  resume(): void;
}

/** Servers that replicate to each other, each with a port of its own. */
export interface Cluster {
  readonly nodes: readonly Server[];
  /** Waits until every node is a part of one cluster and has caught up with the others. */
  whole(): Promise<void>;
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Server settings by the server's own names; they win over the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
  /** `true`: what was committed survives {@link Server.kill}. Default `false`: fast, for tests that kill nothing. */
  readonly durable?: boolean;
}

/** The engine is not on this machine: a test run skips it loudly instead of failing. */
export class ServerUnavailableError extends Error {
  override readonly name = "ServerUnavailableError";
  /** What the reader can do to have it. */
  readonly howToAdd: string;

  constructor(reason: string, howToAdd: string) {
    super(reason);
    this.howToAdd = howToAdd;
  }
}
