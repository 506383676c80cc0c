/**
 * The proxy in a process of its own, so that keeping an exact delay does not steal the measured client's event loop:
 *
 *     tsx test/proxy/process.ts --target 127.0.0.1:5432 --delay 0.5 [--protocol mysql]
 *
 * prints `{"host":…,"port":…}` and runs until SIGTERM. `--delay` is one-way, in milliseconds. A parent that forked it
 * (see spawn.ts) asks for the counters over the IPC channel, and its end ends this process.
 */
import { parseArgs } from "node:util";
import { startProxy } from "./proxy.js";

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    delay: { type: "string", default: "0" },
    protocol: { type: "string", default: "postgres" },
  },
});
const [host, port] = values.target?.split(/:(?=\d+$)/) ?? [];
if (host === undefined || port === undefined) {
  throw new TypeError("--target host:port is missing");
}
if (values.protocol !== "postgres" && values.protocol !== "mysql") {
  throw new TypeError(`--protocol must be postgres or mysql; got ${values.protocol}`);
}

const proxy = await startProxy(
  { host, port: Number(port) },
  { protocol: values.protocol, delayMs: Number(values.delay) },
);
const address = { host: proxy.host, port: proxy.port };
process.stdout.write(`${JSON.stringify(address)}\n`);

const stop = (): void => {
  void proxy.close().then(() => process.exit(0));
};
process.once("SIGTERM", stop);
process.once("SIGINT", stop);
process.once("disconnect", stop);
process.on("message", (message) => {
  if (message === "resetCounters") {
    proxy.resetCounters();
  }
  process.send?.({ roundTrips: proxy.roundTrips() });
});
process.send?.(address);
