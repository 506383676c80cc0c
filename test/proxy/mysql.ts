import type { Description, Session } from "./framer.js";
import type { Direction } from "./messages.js";

/** @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html */
const COMMAND_NAMES: ReadonlyMap<number, string> = new Map([
  [0x01, "COM_QUIT"],
  [0x02, "COM_INIT_DB"],
  [0x03, "COM_QUERY"],
  [0x04, "COM_FIELD_LIST"],
  [0x09, "COM_STATISTICS"],
  [0x0e, "COM_PING"],
  [0x11, "COM_CHANGE_USER"],
  [0x16, "COM_STMT_PREPARE"],
  [0x17, "COM_STMT_EXECUTE"],
  [0x18, "COM_STMT_SEND_LONG_DATA"],
  [0x19, "COM_STMT_CLOSE"],
  [0x1a, "COM_STMT_RESET"],
  [0x1b, "COM_SET_OPTION"],
  [0x1c, "COM_STMT_FETCH"],
  [0x1f, "COM_RESET_CONNECTION"],
  [0xfa, "COM_STMT_BULK_EXECUTE"],
]);

const CAPABILITY = {
  compress: 1 << 5,
  ssl: 1 << 11,
  deprecateEof: 1 << 24,
  zstd: 1 << 26,
  queryAttributes: 1 << 27,
} as const;

const HEADER_BYTES = 4;
/** A packet of exactly this payload is continued by the next one. */
const PAYLOAD_BYTES_MAX = 0xff_ff_ff;
const SSL_REQUEST_BYTES = HEADER_BYTES + 32;
const MORE_RESULTS_EXIST = 0x0008;

/** What the next server packet can be; needed because a row may start with the byte of an OK packet. */
type Expecting = "answer" | "columns" | "rows" | "prepared";

export class MysqlSession implements Session {
  opaque = false;
  #steady = false;
  #greeted = false;
  #capabilities = 0;
  #command = "";
  #expecting: Expecting = "answer";
  #serverContinues = false;

  abandon(): void {
    this.opaque = true;
  }

  measure(_direction: Direction, head: Buffer): number | undefined {
    return head.length < HEADER_BYTES ? undefined : HEADER_BYTES + head.readUIntLE(0, 3);
  }

  describe(direction: Direction, head: Buffer, length: number): Description {
    const phase = this.#steady ? "steady" : "startup";
    if (direction === "client") {
      return { phase, ...(this.#steady ? this.#describeCommand(head) : this.#describeLogin(head, length)) };
    }
    const continued = this.#serverContinues;
    this.#serverContinues = length === HEADER_BYTES + PAYLOAD_BYTES_MAX;
    if (continued) {
      return { phase, name: "Continuation", text: "" };
    }
    return { phase, ...(this.#steady ? this.#describeAnswer(head, length) : this.#describeGreeting(head)) };
  }

  #describeLogin(head: Buffer, length: number): { name: string; text: string } {
    if (this.#capabilities !== 0) {
      return { name: "AuthResponse", text: "" };
    }
    this.#capabilities = head.length >= HEADER_BYTES + 4 ? head.readUInt32LE(HEADER_BYTES) : 0;
    if (this.#can("ssl") && length === SSL_REQUEST_BYTES) {
      this.opaque = true;
      return { name: "SSLRequest", text: "" };
    }
    return { name: "HandshakeResponse", text: "" };
  }

  #describeGreeting(head: Buffer): { name: string; text: string } {
    const payload = head.subarray(HEADER_BYTES);
    if (payload[0] === 0xff) {
      return { name: "ERR", text: errorText(payload) };
    }
    if (!this.#greeted) {
      this.#greeted = true;
      return { name: "Greeting", text: payload.toString("latin1", 1, payload.indexOf(0, 1)) };
    }
    if (payload[0] === 0x00) {
      this.#steady = true;
      this.opaque = this.#can("compress") || this.#can("zstd");
      return { name: "OK", text: "" };
    }
    return { name: payload[0] === 0xfe ? "AuthSwitchRequest" : "AuthMoreData", text: "" };
  }

  #describeCommand(head: Buffer): { name: string; text: string } {
    if (head[3] !== 0) {
      // The rest of a payload over 16 MiB, a file for LOAD DATA LOCAL, or an answer inside COM_CHANGE_USER.
      return { name: "Continuation", text: "" };
    }
    const payload = head.subarray(HEADER_BYTES);
    const code = payload[0] ?? 0;
    this.#command = COMMAND_NAMES.get(code) ?? `0x${code.toString(16).padStart(2, "0")}`;
    this.#expecting = "answer";
    if (this.#command === "COM_STMT_PREPARE" || this.#command === "COM_INIT_DB") {
      return { name: this.#command, text: payload.toString("utf8", 1) };
    }
    if (this.#command !== "COM_QUERY") {
      return { name: this.#command, text: "" };
    }
    // With query attributes negotiated, "no parameters, one set" stands before the text.
    const attributes = this.#can("queryAttributes") && payload[1] === 0 && payload[2] === 1;
    return { name: this.#command, text: payload.toString("utf8", attributes ? 3 : 1) };
  }

  #describeAnswer(head: Buffer, length: number): { name: string; text: string } {
    const payload = head.subarray(HEADER_BYTES);
    const first = payload[0];
    if (first === 0xff) {
      this.#expecting = "answer";
      return { name: "ERR", text: errorText(payload) };
    }
    if (this.#expecting === "answer") {
      return this.#describeFirstAnswer(payload);
    }
    // A row of over 16 MiB may start with 0xfe too, but no end-of-rows packet is that long.
    if (first !== 0xfe || length >= HEADER_BYTES + PAYLOAD_BYTES_MAX) {
      return { name: "Data", text: "" };
    }
    if (this.#expecting === "columns") {
      this.#expecting = "rows";
      return { name: "EOF", text: "" };
    }
    if (this.#expecting === "rows") {
      const status = this.#can("deprecateEof") ? okStatus(payload) : payload.readUInt16LE(3);
      this.#expecting = (status & MORE_RESULTS_EXIST) === 0 ? "rows" : "answer";
    }
    return { name: "EOF", text: "" };
  }

  #describeFirstAnswer(payload: Buffer): { name: string; text: string } {
    if (payload[0] === 0x00 && this.#command === "COM_STMT_PREPARE") {
      this.#expecting = "prepared";
      return { name: "PrepareOK", text: "" };
    }
    if (payload[0] === 0x00 || payload[0] === 0xfe) {
      return { name: "OK", text: "" };
    }
    if (payload[0] === 0xfb) {
      return { name: "LocalInfile", text: payload.toString("utf8", 1) };
    }
    this.#expecting = this.#can("deprecateEof") ? "rows" : "columns";
    return { name: "ResultSet", text: `${payload[0] ?? 0} columns` };
  }

  #can(capability: keyof typeof CAPABILITY): boolean {
    return (this.#capabilities & CAPABILITY[capability]) !== 0;
  }
}

/** Bytes taken by a length-encoded integer that starts with `first`. */
function lengthEncodedBytes(first: number): number {
  return first < 0xfb ? 1 : first === 0xfc ? 3 : first === 0xfd ? 4 : 9;
}

/** Status flags stand behind two length-encoded integers: affected rows and last insert id. */
function okStatus(payload: Buffer): number {
  const insertIdAt = 1 + lengthEncodedBytes(payload[1] ?? 0);
  const statusAt = insertIdAt + lengthEncodedBytes(payload[insertIdAt] ?? 0);
  return payload.length >= statusAt + 2 ? payload.readUInt16LE(statusAt) : 0;
}

function errorText(payload: Buffer): string {
  const marked = payload[3] === 0x23; // "#", then five characters of SQLSTATE
  const code = payload.length >= 3 ? payload.readUInt16LE(1) : 0;
  return `${code} ${payload.toString("utf8", marked ? 9 : 3)}`;
}
