import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Just enough of the MySQL protocol, by hand, to test the proxy without a driver. */

export function packet(sequence: number, ...parts: (Buffer | readonly number[] | string)[]): Buffer {
  const payload = Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))),
  );
  const header = Buffer.alloc(4);
  header.writeUIntLE(payload.length, 0, 3);
  header[3] = sequence;
  return Buffer.concat([header, payload]);
}

export function query(sql: string): Buffer {
  return packet(0, [0x03], sql);
}

const PROTOCOL_41 = 1 << 9;
const SECURE_CONNECTION = 1 << 15;
const PLUGIN_AUTH = 1 << 19;

/** Logs in as `root` with an empty password. */
export function handshakeResponse(extraCapabilities = 0): Buffer {
  const fixed = Buffer.alloc(32);
  fixed.writeUInt32LE(PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH | extraCapabilities, 0);
  fixed.writeUInt32LE(1 << 24, 4);
  fixed[8] = 45; // utf8mb4_general_ci
  return packet(1, fixed, "root\0", [0], "mysql_native_password\0");
}

/** Takes whole packets off a socket; a closed connection rejects. */
export class PacketSocket {
  readonly socket: Socket;
  /** Everything received so far, for cuts in the middle of a packet. */
  received: Buffer = Buffer.alloc(0);
  #taken = 0;
  #ended: Error | undefined;

  constructor(port: number) {
    this.socket = connect({ host: "127.0.0.1", port, noDelay: true });
    this.socket.on("data", (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    this.socket.on("error", (error) => {
      this.#ended = error;
    });
    for (const event of ["end", "close"]) {
      this.socket.on(event, () => {
        this.#ended ??= new Error("end of stream");
      });
    }
  }

  /** Bytes of a packet that is not whole yet. */
  get partial(): number {
    return this.received.length - this.#taken;
  }

  async read(): Promise<Buffer> {
    for (;;) {
      const rest = this.received.subarray(this.#taken);
      const length = rest.length < 4 ? Number.POSITIVE_INFINITY : 4 + rest.readUIntLE(0, 3);
      if (rest.length >= length) {
        this.#taken += length;
        return rest.subarray(0, length);
      }
      if (this.#ended !== undefined) {
        throw this.#ended;
      }
      await sleep(1);
    }
  }

  async ask(request: Buffer): Promise<Buffer> {
    this.socket.write(request);
    return await this.read();
  }
}
