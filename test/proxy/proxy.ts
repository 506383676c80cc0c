import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { DelayLine } from "./delay.js";
import { type Fault, FaultSlot, type FiredFault } from "./fault.js";
import type { Session } from "./framer.js";
import { Link, type LinkHost, type Target } from "./link.js";
import type { Message } from "./messages.js";
import { MysqlSession } from "./mysql.js";
import { PostgresSession } from "./postgres.js";

export type { Fault } from "./fault.js";
export { cutPoints } from "./fault.js";
export type { Target } from "./link.js";
export { answersStatement, formatMessage, runsStatement } from "./messages.js";

type Protocol = "postgres" | "mysql";

export interface ProxyOptions {
  /** Default `postgres`. */
  readonly protocol?: Protocol | undefined;
  /** One-way delay in milliseconds, in each direction: half of the wanted round trip. Default 0. */
  readonly delayMs?: number | undefined;
}

export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  /** Client connections open now, blackholed ones included until the client closes them with a reset. */
  readonly connections: number;
  /** Open connections that cannot be read (TLS, compression): faults and counters pass them by. */
  readonly opaqueConnections: number;
  /** Whether the fault armed last has cut its connection. */
  readonly fired: boolean;
  /** Every fault that fired, with the message it cut. */
  readonly faults: readonly FiredFault[];
  /** Called for every message of either phase, before it is forwarded. */
  onMessage: ((message: Message) => void) | undefined;

  /**
   * Arms one fault, replacing the one armed before; it fires once.
   *
   * - client, `before`: the server never sees the message.
   * - client, `after`: the server receives and processes the whole message; the client sees none of the answer.
   * - server, `before`: the server has done its work and answered; the client does not see the answer.
   * - `mid`: the receiver gets the message's first bytes only.
   *
   * A reset drops bytes that still wait in the kernel's send buffer, which matters only for messages larger than the
   * socket buffers cut server, `after`, `reset`; `fin` loses nothing.
   */
  arm(fault: Fault): void;
  disarm(): void;
  /** The steady-state messages of all connections that pass while `run` runs. */
  trace(run: () => Promise<unknown>): Promise<Message[]>;
  /**
   * Client bursts that were answered, since the start or {@link resetCounters}.
   *
   * Per connection and after startup: one or more client messages followed by a server message count as one, the
   * moment that server message is handed to the client; further server messages before the next client message add
   * nothing. Messages the server sends unasked (notices, notifications, parameter changes) are no answers, and a
   * message without an answer (Terminate) is no round trip. A client that pipelines can be overcounted without a
   * delay, when an early answer overtakes its later requests inside the proxy: count pipelining with a `delayMs`.
   */
  roundTrips(): number;
  resetCounters(): void;
  /** Waits until the server has closed every connection that a fault ended in an orderly way. Unbounded. */
  drained(): Promise<void>;
  /** Closes what `blackhole` holds open, so that the server lets go of its transaction. */
  releaseBlackholes(): void;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";

/** A proxy on a free local port that understands the protocol well enough to cut a connection at any message. */
export async function startProxy(target: Target, options: ProxyOptions = {}): Promise<FaultProxy> {
  const proxy = new ProxyServer(target, options);
  await proxy.listen();
  return proxy;
}

class ProxyServer implements FaultProxy, LinkHost {
  readonly host = HOST;
  port = 0;
  onMessage: ((message: Message) => void) | undefined;
  readonly delay: DelayLine;
  readonly slot = new FaultSlot();
  readonly #protocol: Protocol;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #tracers = new Set<(message: Message) => void>();
  #accepted = 0;
  #roundTrips = 0;

  constructor(target: Target, options: ProxyOptions) {
    this.#protocol = options.protocol ?? "postgres";
    this.delay = new DelayLine(options.delayMs ?? 0);
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.#accepted += 1;
      this.#links.add(new Link(this.#accepted, client, target, this));
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, HOST);
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (address === null || typeof address === "string") {
      throw new Error("the proxy did not get a TCP port");
    }
    this.port = address.port;
  }

  get connections(): number {
    return [...this.#links].filter((link) => link.clientOpen).length;
  }

  get opaqueConnections(): number {
    return [...this.#links].filter((link) => link.opaque).length;
  }

  get fired(): boolean {
    return this.slot.fired;
  }

  get faults(): readonly FiredFault[] {
    return this.slot.history;
  }

  arm(fault: Fault): void {
    this.slot.arm(fault);
  }

  disarm(): void {
    this.slot.disarm();
  }

  async trace(run: () => Promise<unknown>): Promise<Message[]> {
    const messages: Message[] = [];
    const tracer = (message: Message): void => {
      if (message.phase === "steady") {
        messages.push(message);
      }
    };
    this.#tracers.add(tracer);
    try {
      await run();
    } finally {
      this.#tracers.delete(tracer);
    }
    return messages;
  }

  roundTrips(): number {
    return this.#roundTrips;
  }

  resetCounters(): void {
    this.#roundTrips = 0;
  }

  async drained(): Promise<void> {
    await Promise.all([...this.#links].map((link) => link.drained()));
  }

  releaseBlackholes(): void {
    for (const link of [...this.#links].filter((each) => each.blackholed)) {
      link.destroy();
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.delay.close();
    for (const link of this.#links) {
      link.destroy();
    }
    await closed;
  }

  createSession(): Session {
    return this.#protocol === "mysql" ? new MysqlSession() : new PostgresSession();
  }

  linkMessage(message: Message): void {
    this.onMessage?.(message);
    for (const tracer of this.#tracers) {
      tracer(message);
    }
  }

  linkRoundTrip(): void {
    this.#roundTrips += 1;
  }

  linkClosed(link: Link): void {
    this.#links.delete(link);
  }
}

/** Where a database URL points to: what to put behind a proxy. */
export function targetOf(url: string): Target {
  const { hostname, port, protocol } = new URL(url);
  const defaultPort = protocol.startsWith("postgres") ? 5432 : 3306;
  return { host: decodeURIComponent(hostname), port: port === "" ? defaultPort : Number(port) };
}

/** The same database URL, led through the proxy. */
export function throughProxy(url: string, proxy: Target): string {
  const through = new URL(url);
  through.hostname = proxy.host;
  through.port = String(proxy.port);
  return through.href;
}
