import { createServer, type Server as Listener } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { describeSkips, provide, type ServerName } from "./provide.js";
import * as system from "./system.js";

// Between "this port is free" and the server's own bind, another test run may take the port.

vi.mock(import("./system.js"), async (original) => {
  const actual = await original();
  return { ...actual, freePort: vi.fn(actual.freePort) };
});

let listener: Listener;
let taken = 0;

beforeAll(async () => {
  taken = await system.freePort();
  listener = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => {
    listener.listen(taken, "127.0.0.1", resolve);
  });
});
afterAll(() => listener.close());

test.for<ServerName>(["postgres", "mariadb", "mysql"])(
  "%s moves on from a port that was taken meanwhile",
  async (name, context) => {
    vi.mocked(system.freePort).mockClear().mockResolvedValueOnce(taken);
    const provided = await provide(name, { own: true });
    if (provided.status === "skipped") return context.skip(describeSkips([provided]));
    await provided.server.stop();
    expect(system.freePort).toHaveBeenCalledTimes(2);
    expect(provided.server.port).not.toBe(taken);
  },
);
