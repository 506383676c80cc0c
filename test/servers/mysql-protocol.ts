import { connect } from "node:net";
import type { Engine } from "./types.js";

interface Greeting {
  readonly engine: Engine & ("mysql" | "mariadb");
  readonly version: string;
}

const GREETING_TIMEOUT_MS = 2_000;
const HEADER_BYTES = 4;
const PROTOCOL_VERSION = 10;
const ERROR_PACKET = 0xff;

/**
 * The packet that a server sends first to every client. It proves that the server accepts connections, which an
 * open port does not, and needs no driver.
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
 */
export function readGreeting(host: string, port: number): Promise<Greeting> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let received = Buffer.alloc(0);
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(GREETING_TIMEOUT_MS, () =>
      fail(new Error(`no greeting within ${GREETING_TIMEOUT_MS} ms`)),
    );
    socket.once("error", fail);
    socket.once("end", () => fail(new Error("connection closed before the greeting")));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < HEADER_BYTES || received.length < HEADER_BYTES + received.readUIntLE(0, 3))
        return;
      try {
        resolve(parseGreeting(received.subarray(HEADER_BYTES)));
        socket.destroy();
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

function parseGreeting(payload: Buffer): Greeting {
  if (payload[0] === ERROR_PACKET)
    throw new Error(`server refused: ${payload.subarray(3).toString("latin1")}`);
  if (payload[0] !== PROTOCOL_VERSION) throw new Error(`not a MySQL server: first byte ${payload[0]}`);
  const text = payload.subarray(1, payload.indexOf(0, 1)).toString("latin1");
  // MariaDB puts 5.5.5- in front for the sake of old replicas.
  const version = /^(?:5\.5\.5-)?(\d+\.\d+\.\d+)/.exec(text)?.[1] ?? text;
  return { engine: /mariadb/i.test(text) ? "mariadb" : "mysql", version };
}
