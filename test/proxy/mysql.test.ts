import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { handshakeResponse, PacketSocket, packet, query } from "./mysql-wire.js";
import { type FaultProxy, formatMessage, startProxy } from "./proxy.js";

const DEPRECATE_EOF = 1 << 24;
const AUTOCOMMIT = 0x02;
const MORE_RESULTS = 0x08;

const GREETING = packet(0, [0x0a], "10.11.19-fake\0", Buffer.alloc(40, 1));
const OK = [0x00, 0x00, 0x00, AUTOCOMMIT, 0x00, 0x00, 0x00];
const eof = (status = AUTOCOMMIT): number[] => [0xfe, 0x00, 0x00, status, 0x00];
const COLUMN = "\x03def";

let server: Server;
let proxy: FaultProxy;
/** What the fake server got after the login. */
let got: Buffer;
let answers: Map<string, Buffer>;
let serverSaw: Promise<"end" | "error">;

beforeEach(async () => {
  got = Buffer.alloc(0);
  answers = new Map([["commit", packet(1, OK)]]);
  let saw: (how: "end" | "error") => void = () => {};
  serverSaw = new Promise((resolve) => {
    saw = resolve;
  });
  server = createServer((socket) => {
    serveFake(socket);
    socket.once("end", () => saw("end"));
    socket.once("error", () => saw("error"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  proxy = await startProxy({ host: "127.0.0.1", port }, { protocol: "mysql" });
});

afterEach(async () => {
  await proxy.close();
  await new Promise((resolve) => server.close(resolve));
});

/** Plays a login with an authentication switch, then answers each known query with its script. */
function serveFake(socket: Socket): void {
  socket.write(GREETING);
  let login = 0;
  socket.on("data", (chunk) => {
    login += 1;
    if (login === 1) {
      socket.write(packet(2, [0xfe], "mysql_native_password\0", Buffer.alloc(20, 2), [0]));
    } else if (login === 2) {
      socket.write(packet(4, OK));
    } else {
      got = Buffer.concat([got, chunk]);
      const answer = answers.get(chunk.toString("utf8", 5));
      if (answer !== undefined) {
        socket.write(answer);
      }
    }
  });
}

async function logIn(capabilities = 0): Promise<PacketSocket> {
  const client = new PacketSocket(proxy.port);
  expect((await client.read())[4]).toBe(0x0a);
  expect((await client.ask(handshakeResponse(capabilities)))[4]).toBe(0xfe);
  expect((await client.ask(packet(3)))[4]).toBe(0x00);
  return client;
}

it("names every packet, and counts only what follows the login's OK", async () => {
  const names: string[] = [];
  proxy.onMessage = ({ phase, name, text }) => names.push(`${phase} ${name} ${text}`.trimEnd());
  const client = await logIn();
  expect(proxy.roundTrips()).toBe(0);
  await client.ask(query("commit"));
  client.socket.write(packet(0, [0x01]));
  await expect.poll(() => names.at(-1)).toBe("steady COM_QUIT");
  expect(names).toEqual([
    "startup Greeting 10.11.19-fake",
    "startup HandshakeResponse",
    "startup AuthSwitchRequest",
    "startup AuthResponse",
    "startup OK",
    "steady COM_QUERY commit",
    "steady OK",
    "steady COM_QUIT",
  ]);
  expect(proxy.roundTrips()).toBe(1);
  client.socket.destroy();
});

describe("result sets", () => {
  it("takes a row that looks like an OK packet for a row, and finds the second result", async () => {
    const client = await logIn();
    const results = [
      packet(1, [0x01]),
      packet(2, COLUMN),
      packet(3, eof(AUTOCOMMIT | MORE_RESULTS)),
      packet(4, [0x00]),
      packet(5, eof(AUTOCOMMIT | MORE_RESULTS)),
      packet(6, OK),
    ];
    answers.set("two results", Buffer.concat(results));
    const trace = await proxy.trace(async () => {
      await client.ask(query("two results"));
      for (let read = 1; read < results.length; read += 1) {
        await client.read();
      }
    });
    const names = trace.map((message) => message.name);
    expect(names).toEqual(["COM_QUERY", "ResultSet", "Data", "EOF", "Data", "EOF", "OK"]);
    expect(trace.map(formatMessage)[0]).toBe("#1 -> COM_QUERY 16 two results");
    client.socket.destroy();
  });

  it("follows CLIENT_DEPRECATE_EOF: no EOF behind the columns", async () => {
    const client = await logIn(DEPRECATE_EOF);
    const end = [0xfe, 0x00, 0x00, AUTOCOMMIT | MORE_RESULTS, 0x00, 0x00, 0x00];
    const results = [packet(1, [0x01]), packet(2, COLUMN), packet(3, [0x00]), packet(4, end), packet(5, OK)];
    answers.set("one result", Buffer.concat(results));
    const trace = await proxy.trace(async () => {
      await client.ask(query("one result"));
      for (let read = 1; read < results.length; read += 1) {
        await client.read();
      }
    });
    expect(trace.map((message) => message.name).slice(1)).toEqual(["ResultSet", "Data", "Data", "EOF", "OK"]);
    client.socket.destroy();
  });

  it("shows an error's number and text", async () => {
    const client = await logIn();
    answers.set("again", packet(1, [0xff, 0x26, 0x04], "#23000Duplicate entry"));
    const trace = await proxy.trace(() => client.ask(query("again")));
    expect(trace[1]).toMatchObject({ name: "ERR", text: "1062 Duplicate entry" });
    client.socket.destroy();
  });
});

describe("cuts", () => {
  const commit = query("commit");
  it.each([
    // moment, bytes of COMMIT at the server, how the server saw the end
    ["before", 0, ["error"]],
    // libuv reports data and reset that arrive together as data and an orderly end.
    ["mid", Math.floor(commit.length / 2), ["error", "end"]],
    ["after", commit.length, ["end"]],
  ] as const)("%s COM_QUERY by reset: the server has %i bytes and sees %s", async (moment, bytes, ends) => {
    const client = await logIn();
    proxy.arm({ direction: "client", moment, how: "reset", match: ({ text }) => text === "commit" });
    await expect(client.ask(commit)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(ends).toContain(await serverSaw);
    expect(got).toEqual(commit.subarray(0, bytes));
    expect(client.partial).toBe(0);
  });

  it.each([
    ["before", 0],
    ["mid", 5],
    ["after", 11],
  ] as const)("%s the server's OK by fin: the client has %i bytes of it", async (moment, bytes) => {
    const client = await logIn();
    const before = client.received.length;
    proxy.arm({ direction: "server", moment, how: "fin" });
    client.socket.write(commit);
    expect(await serverSaw).toBe("end");
    await expect.poll(() => client.socket.readableEnded).toBe(true);
    expect(got).toEqual(commit);
    expect(client.received.length - before).toBe(bytes);
  });

  it("mid by blackhole: both keep a silent connection until the proxy closes", async () => {
    const client = await logIn();
    proxy.arm({ direction: "client", moment: "mid", how: "blackhole" });
    client.socket.write(commit);
    await expect.poll(() => proxy.fired).toBe(true);
    client.socket.write(commit);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(got).toEqual(commit.subarray(0, Math.floor(commit.length / 2)));
    expect([client.socket.readable, proxy.connections]).toEqual([true, 1]);
    await proxy.close();
    await expect(client.read()).rejects.toThrow();
    expect(await serverSaw).toBeDefined();
  });
});

it("passes compressed and encrypted connections on unseen, and says so", async () => {
  const compress = 1 << 5;
  const client = await logIn(compress);
  proxy.arm({ direction: "client", moment: "before", how: "reset" });
  await client.ask(query("commit"));
  expect([proxy.fired, proxy.opaqueConnections]).toEqual([false, 1]);
  client.socket.destroy();
});
