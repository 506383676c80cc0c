import { connect, type Socket } from "node:net";

// Just enough of the protocol to send a statement and read text rows, so that the provisioner's own tests need no
// driver. User root, no password, no TLS, no packet above 16 MB.

const CLIENT_CONNECT_WITH_DB = 0x8;
const CLIENT_PROTOCOL_41 = 0x200;
const CLIENT_SECURE_CONNECTION = 0x8000;
const CLIENT_PLUGIN_AUTH = 0x80000;
const CAPABILITIES =
  CLIENT_CONNECT_WITH_DB | CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH;
const UTF8MB4 = 45;
const COM_QUERY = 0x03;
const OK = 0x00;
const AUTH_MORE_DATA = 0x01;
const END_OF_ROWS = 0xfe;
const ERROR = 0xff;
const NULL_VALUE = 0xfb;
const HEADER_BYTES = 4;
const ANSWER_TIMEOUT_MS = 20_000;

async function* packets(socket: Socket): AsyncGenerator<{ sequence: number; payload: Buffer }, never> {
  let rest = Buffer.alloc(0);
  for await (const chunk of socket) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= HEADER_BYTES && rest.length >= HEADER_BYTES + rest.readUIntLE(0, 3)) {
      const end = HEADER_BYTES + rest.readUIntLE(0, 3);
      yield { sequence: rest.readUInt8(3), payload: rest.subarray(HEADER_BYTES, end) };
      rest = rest.subarray(end);
    }
  }
  throw new Error("connection closed by the server");
}

function send(socket: Socket, sequence: number, payload: Buffer): void {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUIntLE(payload.length, 0, 3);
  header.writeUInt8(sequence, 3);
  socket.write(Buffer.concat([header, payload]));
}

function login(user: string, database: string): Buffer {
  const fixed = Buffer.alloc(32);
  fixed.writeUInt32LE(CAPABILITIES, 0);
  fixed.writeUInt32LE(0xffffff, 4);
  fixed.writeUInt8(UTF8MB4, 8);
  // The zero byte after the user is the length of the empty password's answer.
  return Buffer.concat([fixed, Buffer.from(`${user}\0\0${database}\0mysql_native_password\0`)]);
}

function parseRow(payload: Buffer): string[] {
  const row: string[] = [];
  for (let at = 0; at < payload.length; ) {
    const length = payload.readUInt8(at);
    if (length > NULL_VALUE) throw new Error("a value above 250 bytes is more than this client reads");
    row.push(length === NULL_VALUE ? "NULL" : payload.subarray(at + 1, at + 1 + length).toString("utf8"));
    at += 1 + (length === NULL_VALUE ? 0 : length);
  }
  return row;
}

/** Runs one statement on a connection of its own; rows as text, none for a statement without a result. */
export async function queryMysql(address: string, statement: string): Promise<string[][]> {
  const url = new URL(address);
  const socket = connect({ host: url.hostname, port: Number(url.port) });
  socket.setTimeout(ANSWER_TIMEOUT_MS, () =>
    socket.destroy(new Error(`no answer in ${ANSWER_TIMEOUT_MS} ms`)),
  );
  const stream = packets(socket);
  const next = async (): Promise<{ sequence: number; payload: Buffer }> => {
    const packet = (await stream.next()).value;
    if (packet.payload[0] === ERROR) throw new Error(packet.payload.subarray(9).toString("utf8"));
    return packet;
  };
  try {
    const greeting = await next();
    send(socket, greeting.sequence + 1, login(url.username, url.pathname.slice(1)));
    for (let answer = await next(); answer.payload[0] !== OK; answer = await next()) {
      // Another plugin is asked for: with an empty password, every one of them is content with an empty answer.
      if (answer.payload[0] !== AUTH_MORE_DATA) send(socket, answer.sequence + 1, Buffer.alloc(0));
    }
    send(socket, 0, Buffer.concat([Buffer.from([COM_QUERY]), Buffer.from(statement)]));
    if ((await next()).payload[0] === OK) return [];
    while ((await next()).payload[0] !== END_OF_ROWS);
    const rows: string[][] = [];
    for (let row = await next(); row.payload[0] !== END_OF_ROWS; row = await next())
      rows.push(parseRow(row.payload));
    return rows;
  } finally {
    socket.destroy();
  }
}
