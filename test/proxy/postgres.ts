import type { Description, Session } from "./framer.js";
import type { Direction } from "./messages.js";

/** @see https://www.postgresql.org/docs/current/protocol-message-formats.html */
const CLIENT_NAMES: Readonly<Record<string, string>> = {
  B: "Bind",
  C: "Close",
  d: "CopyData",
  c: "CopyDone",
  f: "CopyFail",
  D: "Describe",
  E: "Execute",
  H: "Flush",
  F: "FunctionCall",
  P: "Parse",
  p: "Password",
  Q: "Query",
  S: "Sync",
  X: "Terminate",
};

const SERVER_NAMES: Readonly<Record<string, string>> = {
  R: "Authentication",
  K: "BackendKeyData",
  "2": "BindComplete",
  "3": "CloseComplete",
  C: "CommandComplete",
  d: "CopyData",
  c: "CopyDone",
  G: "CopyInResponse",
  H: "CopyOutResponse",
  W: "CopyBothResponse",
  D: "DataRow",
  I: "EmptyQueryResponse",
  E: "ErrorResponse",
  V: "FunctionCallResponse",
  v: "NegotiateProtocolVersion",
  n: "NoData",
  N: "NoticeResponse",
  A: "NotificationResponse",
  t: "ParameterDescription",
  S: "ParameterStatus",
  "1": "ParseComplete",
  s: "PortalSuspended",
  Z: "ReadyForQuery",
  T: "RowDescription",
};

const STARTUP_NAMES: ReadonlyMap<number, string> = new Map([
  [80877102, "CancelRequest"],
  [80877103, "SSLRequest"],
  [80877104, "GSSENCRequest"],
]);

/** A length above this is not PostgreSQL's startup packet (the server's own limit is 10,000 bytes). */
const STARTUP_BYTES_MAX = 10_004;

export class PostgresSession implements Session {
  opaque = false;
  #started = false;
  #steady = false;
  /** SSLRequest and GSSENCRequest are answered by one bare byte. */
  #bareByteDue = false;

  abandon(): void {
    this.opaque = true;
  }

  measure(direction: Direction, head: Buffer): number | undefined {
    if (direction === "server" && this.#bareByteDue) {
      return 1;
    }
    if (direction === "client" && !this.#started) {
      if (head.length < 8) {
        return undefined;
      }
      const length = head.readUInt32BE(0);
      return length >= 8 && length <= STARTUP_BYTES_MAX ? length : 0;
    }
    if (head.length < 5) {
      return undefined;
    }
    const length = head.readUInt32BE(1);
    return length >= 4 ? length + 1 : 0;
  }

  describe(direction: Direction, head: Buffer): Description {
    return direction === "client" ? this.#describeClient(head) : this.#describeServer(head);
  }

  #describeClient(head: Buffer): Description {
    if (!this.#started) {
      const name = STARTUP_NAMES.get(head.readUInt32BE(4)) ?? "StartupMessage";
      this.#started = name === "StartupMessage";
      this.#bareByteDue = name === "SSLRequest" || name === "GSSENCRequest";
      return { phase: "startup", name, text: "" };
    }
    const letter = String.fromCharCode(head[0] ?? 0);
    const name = CLIENT_NAMES[letter] ?? letter;
    const text = name === "Password" ? "" : clientText(letter, head.subarray(5));
    return { phase: this.#steady ? "steady" : "startup", name, text };
  }

  #describeServer(head: Buffer): Description {
    const letter = String.fromCharCode(head[0] ?? 0);
    if (this.#bareByteDue) {
      this.#bareByteDue = false;
      // Accepted: whatever follows is encrypted.
      this.opaque = letter === "S" || letter === "G";
      return { phase: "startup", name: "EncryptionResponse", text: letter };
    }
    const name = SERVER_NAMES[letter] ?? letter;
    const phase = this.#steady ? "steady" : "startup";
    // The first ReadyForQuery still belongs to startup: it ends it.
    this.#steady ||= letter === "Z";
    return { phase, name, text: serverText(letter, head.subarray(5)) };
  }
}

function cString(bytes: Buffer, from = 0): string {
  const end = bytes.indexOf(0, from);
  return bytes.toString("utf8", from, end === -1 ? bytes.length : end);
}

function clientText(letter: string, body: Buffer): string {
  switch (letter) {
    case "Q":
      return cString(body);
    case "P": {
      const statement = cString(body);
      const sql = cString(body, Buffer.byteLength(statement) + 1);
      return statement === "" ? sql : `${statement}: ${sql}`;
    }
    case "B":
      return cString(body, body.indexOf(0) + 1);
    default:
      return "";
  }
}

function serverText(letter: string, body: Buffer): string {
  switch (letter) {
    case "C":
    case "S":
      return cString(body);
    case "Z":
      return String.fromCharCode(body[0] ?? 0);
    case "E":
    case "N": {
      const fields = body.toString("utf8").split("\0");
      const field = (code: string): string => fields.find((each) => each.startsWith(code))?.slice(1) ?? "";
      return `${field("C")} ${field("M")}`;
    }
    default:
      return "";
  }
}
