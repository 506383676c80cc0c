import { describeSkips, provideAll, type ServerName, serverNames, stopAll } from "./provide.js";

// npm run servers [-- postgres15 mariadb ...]: servers to try things on, until Ctrl-C.

function namesFromArguments(): ServerName[] {
  try {
    return serverNames(process.argv.slice(2).join(",") || "postgres", "npm run servers");
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  }
}

const names = namesFromArguments();

// Before the start, so that Ctrl-C during it ends in an orderly way too.
const interrupted = new Promise<void>((resolve) => {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => resolve());
});
// Neither the servers nor a signal handler keep Node running.
const keepAlive = setInterval(() => undefined, 60_000);

const provided = await provideAll(names, { durable: true });

const rows = provided.flatMap((each) =>
  each.status === "ready" ? [[each.name, each.server.version, String(each.server.pid), each.server.url]] : [],
);
const table = [["name", "version", "pid", "url"], ...rows];
const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
for (const row of table) console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
const skips = describeSkips(provided);
if (skips !== undefined) console.error(skips);

if (rows.length > 0) {
  console.log("\nCtrl-C stops them and removes their data.");
  await interrupted;
  await stopAll(provided);
}
clearInterval(keepAlive);
process.exitCode = rows.length > 0 ? 0 : 1;
