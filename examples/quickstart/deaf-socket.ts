import { Socket } from "node:net";

type Written = (error?: Error | null) => void;

/** A connection that goes deaf as COMMIT leaves, so that the server's answer is never read. */
export class DeafSocket extends Socket {
  readonly #isCommit: (bytes: Buffer) => boolean;
  readonly #deaf: () => void;

  constructor(isCommit: (bytes: Buffer) => boolean, deaf: () => void) {
    super();
    this.#isCommit = isCommit;
    this.#deaf = deaf;
  }

  // Not `write`: connecting resets that to the socket's own.
  override _write(bytes: Buffer, encoding: BufferEncoding, written: Written): void {
    super._write(bytes, encoding, this.#deafBy([bytes], written));
  }

  override _writev(given: { chunk: Buffer; encoding: BufferEncoding }[], written: Written): void {
    const chunks = given.map(({ chunk }) => chunk);
    super._writev?.(given, this.#deafBy(chunks, written));
  }

  #deafBy(chunks: readonly Buffer[], written: Written): Written {
    if (!chunks.some(this.#isCommit)) return written;
    this.pause();
    return (error) => {
      written(error);
      this.#deaf();
    };
  }
}
