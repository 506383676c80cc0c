import { type Direction, type Phase, PREVIEW_BYTES } from "./messages.js";

export interface Description {
  readonly phase: Phase;
  readonly name: string;
  readonly text: string;
}

/** What the two directions of one connection know together about where messages begin. */
export interface Session {
  /** True once the bytes can no longer be parsed (TLS, compression, garbage): they are passed on unseen. */
  readonly opaque: boolean;
  /** Length of the message that starts at `head`; undefined: more bytes are needed; 0: not this protocol. */
  measure(direction: Direction, head: Buffer): number | undefined;
  /** Called exactly once per message, in order, with its first {@link PREVIEW_BYTES} at most. */
  describe(direction: Direction, head: Buffer, length: number): Description;
  abandon(): void;
}

/** A run of bytes of one message. */
export interface Piece {
  /** Present on the first piece of a message. */
  readonly start?: Description & { readonly length: number };
  readonly bytes: Buffer;
  /** True when the message ends with this piece. */
  readonly last: boolean;
}

/** Splits one direction's byte stream at message boundaries without waiting for whole messages. */
export class Framer {
  readonly #session: Session;
  readonly #direction: Direction;
  #held: Buffer = Buffer.alloc(0);
  #remaining = 0;

  constructor(session: Session, direction: Direction) {
    this.#session = session;
    this.#direction = direction;
  }

  push(chunk: Buffer): Piece[] {
    const pieces: Piece[] = [];
    let data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    while (data.length > 0) {
      if (this.#session.opaque) {
        pieces.push({ bytes: data, last: true });
        break;
      }
      if (this.#remaining > 0) {
        const bytes = data.subarray(0, this.#remaining);
        this.#remaining -= bytes.length;
        pieces.push({ bytes, last: this.#remaining === 0 });
        data = data.subarray(bytes.length);
        continue;
      }
      const length = this.#session.measure(this.#direction, data);
      if (length === 0) {
        this.#session.abandon();
        continue;
      }
      if (length === undefined || data.length < Math.min(length, PREVIEW_BYTES)) {
        this.#held = data;
        break;
      }
      const head = data.subarray(0, Math.min(length, PREVIEW_BYTES));
      const start = { ...this.#session.describe(this.#direction, head, length), length };
      const bytes = data.subarray(0, length);
      this.#remaining = length - bytes.length;
      pieces.push({ start, bytes, last: this.#remaining === 0 });
      data = data.subarray(bytes.length);
    }
    return pieces;
  }

  /** The opening of a message whose sender stopped halfway; to be forwarded before the end of the stream. */
  flush(): Buffer {
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    return held;
  }
}
