import { connect, type Socket } from "node:net";
import type { DelayLine } from "./delay.js";
import type { Fault, FaultSlot } from "./fault.js";
import { Framer, type Piece, type Session } from "./framer.js";
import type { Direction, Message } from "./messages.js";

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** What a connection needs of its proxy. */
export interface LinkHost {
  readonly delay: DelayLine;
  readonly slot: FaultSlot;
  createSession(): Session;
  linkMessage(message: Message): void;
  linkRoundTrip(): void;
  linkClosed(link: Link): void;
}

/** The server sends these unasked, so they answer nothing. */
const UNSOLICITED: ReadonlySet<string> = new Set([
  "NoticeResponse",
  "NotificationResponse",
  "ParameterStatus",
]);

interface Pipe {
  readonly direction: Direction;
  readonly source: Socket;
  readonly sink: Socket;
  readonly framer: Framer;
  /** The fault of the message that is passing, when it is to be cut after it. */
  cutAfter: { readonly fault: Fault; readonly message: Message } | undefined;
  /** A cut has been decided here: later bytes of this direction do not exist. */
  stopped: boolean;
}

/**
 * One client connection and its upstream connection.
 *
 * Client messages are read when they arrive and delayed afterwards; server messages are delayed first and read when
 * they are handed to the client. Both are thus seen in the order in which the *client* sent and received them, which
 * is what counting round trips needs.
 */
export class Link {
  readonly id: number;
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #host: LinkHost;
  readonly #session: Session;
  #severed: Fault | undefined;
  #unanswered = false;
  #openSockets = 2;

  constructor(id: number, client: Socket, target: Target, host: LinkHost) {
    this.id = id;
    this.#client = client;
    this.#host = host;
    this.#session = host.createSession();
    this.#upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
    this.#attach("client", client, this.#upstream);
    this.#attach("server", this.#upstream, client);
  }

  get clientOpen(): boolean {
    return !this.#client.destroyed;
  }

  get opaque(): boolean {
    return this.#session.opaque;
  }

  get blackholed(): boolean {
    return this.#severed?.how === "blackhole";
  }

  /** Resolves when the server has closed the connection after an orderly end; at once if none is under way. */
  async drained(): Promise<void> {
    const ending = this.#severed !== undefined && !this.blackholed && !this.#upstream.destroyed;
    if (ending) {
      await new Promise<void>((resolve) => this.#upstream.once("close", () => resolve()));
    }
  }

  destroy(): void {
    this.#client.destroy();
    this.#upstream.destroy();
  }

  #attach(direction: Direction, source: Socket, sink: Socket): void {
    const framer = new Framer(this.#session, direction);
    const pipe: Pipe = { direction, source, sink, framer, cutAfter: undefined, stopped: false };
    const arrived = (run: () => void): void => this.#delayed("server", direction, run);
    source.on("data", (chunk: Buffer) => {
      if (this.#severed !== undefined) {
        return; // Read and thrown away: unread bytes would turn a later orderly end into a reset.
      }
      arrived(() => this.#forward(pipe, chunk));
      if (sink.writableNeedDrain) {
        source.pause();
      }
    });
    sink.on("drain", () => source.resume());
    source.on("end", () => arrived(() => this.#sourceEnded(pipe)));
    source.on("error", () => this.#host.delay.push(() => this.#sourceFailed(pipe)));
    source.on("close", () => {
      this.#openSockets -= 1;
      if (this.#openSockets === 0) {
        this.#host.linkClosed(this);
      }
    });
  }

  /** Delays `run` if the traffic of `direction` is to be delayed at this `stage`, else runs it now. */
  #delayed(stage: Direction, direction: Direction, run: () => void): void {
    if (stage === direction) {
      this.#host.delay.push(run);
    } else {
      run();
    }
  }

  #forward(pipe: Pipe, chunk: Buffer): void {
    if (this.#severed !== undefined || pipe.stopped) {
      return;
    }
    const out: Buffer[] = [];
    for (const piece of pipe.framer.push(chunk)) {
      const cut = this.#judge(pipe, piece);
      out.push(cut === undefined ? piece.bytes : piece.bytes.subarray(0, cut.keepBytes));
      if (cut !== undefined) {
        pipe.stopped = true;
        this.#write(pipe, out);
        this.#delayed("client", pipe.direction, () => this.#sever(pipe, cut.fault, cut.message));
        return;
      }
    }
    this.#write(pipe, out);
  }

  /** Whether the connection is cut in this piece, and how many of its bytes are still forwarded. */
  #judge(pipe: Pipe, piece: Piece): { fault: Fault; message: Message; keepBytes: number } | undefined {
    if (piece.start !== undefined) {
      const message: Message = { connection: this.id, direction: pipe.direction, ...piece.start };
      this.#count(message);
      this.#host.linkMessage(message);
      const fault = this.#host.slot.take(message);
      if (fault !== undefined && fault.moment !== "after") {
        // The first piece has the whole header at least, so half of it is neither nothing nor everything.
        const keepBytes = fault.moment === "mid" ? Math.floor(piece.bytes.length / 2) : 0;
        return { fault, message, keepBytes };
      }
      pipe.cutAfter = fault === undefined ? undefined : { fault, message };
    }
    return piece.last && pipe.cutAfter !== undefined
      ? { ...pipe.cutAfter, keepBytes: piece.bytes.length }
      : undefined;
  }

  #count(message: Message): void {
    if (message.phase !== "steady") {
      return;
    }
    if (message.direction === "client") {
      this.#unanswered = true;
    } else if (this.#unanswered && !UNSOLICITED.has(message.name)) {
      this.#unanswered = false;
      this.#host.linkRoundTrip();
    }
  }

  #write(pipe: Pipe, parts: readonly Buffer[]): void {
    const [first] = parts;
    if (first === undefined) {
      return;
    }
    // One write per burst, as the sender made it: many small ones would distort what is measured.
    const bytes = parts.length === 1 ? first : Buffer.concat(parts);
    this.#delayed("client", pipe.direction, () => {
      if (this.#severed === undefined && bytes.length > 0 && pipe.sink.writable) {
        pipe.sink.write(bytes);
      }
    });
  }

  #sever(pipe: Pipe, fault: Fault, message: Message): void {
    if (this.#severed !== undefined) {
      return;
    }
    this.#severed = fault;
    this.#client.resume();
    this.#upstream.resume();
    const cut = (): void => {
      this.#cut(fault);
      this.#host.slot.record(fault, message);
    };
    // An empty write calls back once everything before it is with the kernel.
    if (pipe.sink.writableLength > 0) {
      pipe.sink.write(Buffer.alloc(0), cut);
    } else {
      cut();
    }
  }

  #cut(fault: Fault): void {
    if (fault.how === "blackhole") {
      return;
    }
    if (fault.how === "fin") {
      this.#upstream.end(() => this.#client.end());
      return;
    }
    if (fault.direction === "client" && fault.moment === "after") {
      // A reset may make the server lose what it has not read yet. So the server gets an orderly end behind the
      // message, and its answer is read and thrown away until it closes; only the client sees a reset.
      this.#upstream.end(() => this.#client.resetAndDestroy());
      return;
    }
    this.#client.resetAndDestroy();
    this.#upstream.resetAndDestroy();
  }

  #sourceEnded(pipe: Pipe): void {
    if (this.#severed !== undefined) {
      return;
    }
    const rest = pipe.framer.flush();
    this.#write(pipe, rest.length === 0 ? [] : [rest]);
    this.#delayed("client", pipe.direction, () => {
      if (this.#severed === undefined) {
        pipe.sink.end();
      }
    });
  }

  #sourceFailed(pipe: Pipe): void {
    if (this.#severed === undefined) {
      pipe.sink.resetAndDestroy();
    }
  }
}
