import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import pg from "pg";
import { createLedger } from "../../../src/adapters/pg/index.js";

/**
 * A program of its own, since it is about what ends a process: a server that lets a client in and throws it out again
 * in one TCP packet, as one does that is shut down at that moment.
 */
const message = (type: string, body: string): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(4 + Buffer.byteLength(body));
  return Buffer.concat([Buffer.from(type), length, Buffer.from(body)]);
};
const FAREWELL = Buffer.concat([
  message("R", "\0\0\0\0"),
  message("Z", "I"),
  message("E", "SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"),
]);

const server = createServer((socket) => {
  socket.on("error", () => {});
  socket.once("data", () => socket.end(FAREWELL));
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;
const pool = new pg.Pool({ host: "127.0.0.1", port, user: "x", database: "x" });
pool.on("error", () => {});
const ledger = createLedger(pool, { backoff: { attemptsMax: 2, baseMs: 1 } });
const ended = await ledger
  .once({ operation: "login", key: "1" }, () => 1)
  .catch((error: unknown) => (error as { code?: unknown }).code);
console.log(String(ended));
process.exit(0);
