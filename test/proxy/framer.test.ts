import { describe, expect, it } from "vitest";
import { Framer } from "./framer.js";
import { MysqlSession } from "./mysql.js";
import { packet, query } from "./mysql-wire.js";
import { PostgresSession } from "./postgres.js";

function typed(letter: string, body: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(4 + Buffer.byteLength(body));
  return Buffer.concat([Buffer.from(letter), length, Buffer.from(body)]);
}

function untyped(code: number, body = ""): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length, 0);
  head.writeUInt32BE(code, 4);
  return Buffer.concat([head, Buffer.from(body)]);
}

const STARTUP = untyped(196_608, "user\0postgres\0\0");

/** Names and lengths of the messages in `bytes` when it arrives in chunks of `chunkBytes`. */
function names(framer: Framer, bytes: Buffer, chunkBytes: number): string[] {
  const found: string[] = [];
  const passed: Buffer[] = [];
  let open = 0;
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    for (const piece of framer.push(bytes.subarray(at, at + chunkBytes))) {
      if (piece.start !== undefined) {
        expect(open).toBe(0);
        open = piece.start.length;
        found.push(`${piece.start.phase} ${piece.start.name} ${piece.start.text.slice(0, 20)}`.trimEnd());
      }
      open -= piece.bytes.length;
      expect(piece.last).toBe(open <= 0);
      passed.push(piece.bytes);
    }
  }
  expect(Buffer.concat([...passed, framer.flush()]).equals(bytes)).toBe(true);
  return found;
}

describe.each([1, 2, 3, 5, 7, 64, 1_000_000])("in chunks of %i bytes", (chunkBytes) => {
  it("finds PostgreSQL's messages", () => {
    const session = new PostgresSession();
    const [client, server] = [new Framer(session, "client"), new Framer(session, "server")];
    expect(names(client, untyped(80_877_103), chunkBytes)).toEqual(["startup SSLRequest"]);
    expect(names(server, Buffer.from("N"), chunkBytes)).toEqual(["startup EncryptionResponse N"]);
    expect(names(client, STARTUP, chunkBytes)).toEqual(["startup StartupMessage"]);
    const login = Buffer.concat([typed("R", "\0\0\0\0"), typed("S", "TimeZone\0UTC\0"), typed("Z", "I")]);
    expect(names(server, login, chunkBytes)).toEqual([
      "startup Authentication",
      "startup ParameterStatus TimeZone",
      "startup ReadyForQuery I",
    ]);
    const long = `select '${"x".repeat(5000)}'`;
    const burst = Buffer.concat([
      ...[typed("P", `s1\0${long}\0\0\0`), typed("B", "\0s1\0"), typed("E", "\0\0\0\0\0"), typed("S", "")],
      typed("Q", "commit\0"),
    ]);
    expect(names(client, burst, chunkBytes)).toEqual([
      "steady Parse s1: select 'xxxxxxxx",
      "steady Bind s1",
      "steady Execute",
      "steady Sync",
      "steady Query commit",
    ]);
    const error = typed("E", "SERROR\0C40001\0Mcould not serialize\0\0");
    const answer = Buffer.concat([typed("C", "COMMIT\0"), typed("Z", "I"), error, typed("Z", "E")]);
    expect(names(server, answer, chunkBytes)).toEqual([
      "steady CommandComplete COMMIT",
      "steady ReadyForQuery I",
      "steady ErrorResponse 40001 could not seri",
      "steady ReadyForQuery E",
    ]);
  });

  it("finds MySQL's packets, empty ones and those over 16 MiB included", () => {
    const session = new MysqlSession();
    const [client, server] = [new Framer(session, "client"), new Framer(session, "server")];
    names(server, packet(0, [0x0a], "8.4.0\0"), chunkBytes);
    names(client, packet(1, [0, 2, 0, 0], Buffer.alloc(40)), chunkBytes);
    expect(names(server, packet(2, [0, 0, 0, 2, 0, 0, 0]), chunkBytes)).toEqual(["startup OK"]);
    const burst = Buffer.concat([query("select 1"), packet(1), packet(0, [0x0e])]);
    expect(names(client, burst, chunkBytes)).toEqual([
      "steady COM_QUERY select 1",
      "steady Continuation",
      "steady COM_PING",
    ]);
  });
});

it("lets TLS and what is not the protocol through unseen", () => {
  const encrypted = new PostgresSession();
  const server = new Framer(encrypted, "server");
  names(new Framer(encrypted, "client"), untyped(80_877_103), 100);
  expect(names(server, Buffer.from("S\x16\x03\x01hello"), 100)).toEqual(["startup EncryptionResponse S"]);
  expect(encrypted.opaque).toBe(true);

  const alien = new PostgresSession();
  expect(names(new Framer(alien, "client"), Buffer.from("GET / HTTP/1.1\r\n\r\n"), 3)).toEqual([]);
  expect(alien.opaque).toBe(true);
});

it("continues a MySQL packet of 16 MiB", () => {
  const session = new MysqlSession();
  const [client, server] = [new Framer(session, "client"), new Framer(session, "server")];
  names(server, packet(0, [0x0a], "8.4.0\0"), 100);
  names(client, packet(1, [0, 2, 0, 0], Buffer.alloc(40)), 100);
  names(server, packet(2, [0, 0, 0, 2, 0, 0, 0]), 100);
  names(client, query("select long"), 100);
  const row = [packet(3, Buffer.alloc(0xff_ff_ff, 0x61)), packet(4, [0xfe]), packet(5, [0xfe, 0, 0, 2, 0])];
  const answer = Buffer.concat([packet(1, [1]), packet(2, [0xfe, 0, 0, 2, 0]), ...row]);
  expect(names(server, answer, 65_536).map((name) => name.split(" ")[1])).toEqual([
    "ResultSet",
    "EOF",
    "Data",
    "Continuation",
    "EOF",
  ]);
});
