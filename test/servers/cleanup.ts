import { spawn, spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { signalTree } from "./processes.js";

interface Holding {
  pid: number | undefined;
  readonly directory: string;
}

const holdings = new Set<Holding>();
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

let watchdog: Writable | undefined;
let installed = false;

/**
 * Clears up after a Node process that was killed with SIGKILL: it reads "pid directory" lines (pid 0: only the
 * directory) until the pipe closes, which is when Node is gone in whatever way. The directory in the command line proves that the process
 * is still the one it was told about; a server that was stopped in an orderly way needs no message.
 */
const WATCHDOG = `
list=$(cat)
printf '%s\\n' "$list" | while read -r pid directory; do
  case "$directory" in */opledger-*) ;; *) continue ;; esac
  command=$(tr '\\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null || ps -p "$pid" -o args= 2>/dev/null)
  case "$command" in *"$directory"*) kill -9 "$pid" $(pgrep -P "$pid" 2>/dev/null); sleep 0.2 ;; esac
  segment=$(sed -n '7s/^ *[0-9]* *//p' "$directory/data/postmaster.pid" 2>/dev/null)
  [ -z "$segment" ] || ipcrm -m "$segment" 2>/dev/null
  for attempt in 1 2 3 4 5; do
    rm -rf "$directory" 2>/dev/null
    [ -e "$directory" ] || break
    sleep 0.3
  done
done
`;

function startWatchdog(): Writable {
  // A session of its own, so that Ctrl-C in the terminal reaches Node and leaves the watchdog to its work.
  const child = spawn("/bin/sh", ["-c", WATCHDOG], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  child.unref();
  // Neither of the two may keep a finished test run from ending.
  if (child.stdin instanceof Socket) child.stdin.unref();
  return child.stdin;
}

/** PostgreSQL's SysV segment outlives a SIGKILL, and the kernel has only some thousands of them. */
function removeSharedMemory(directory: string): void {
  try {
    const line = readFileSync(join(directory, "data", "postmaster.pid"), "utf8").split("\n")[6] ?? "";
    const segment = line.trim().split(/\s+/)[1];
    if (segment !== undefined) spawnSync("ipcrm", ["-m", segment], { stdio: "ignore" });
  } catch {
    // No such file: not PostgreSQL, or an orderly shutdown that removed the segment itself.
  }
}

function removeDirectory(directory: string): void {
  removeSharedMemory(directory);
  // A process that was killed a moment ago may still be creating its last file.
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

function releaseAll(): void {
  for (const { pid } of holdings) if (pid !== undefined) signalTree(pid, "SIGKILL");
  for (const { directory } of holdings) removeDirectory(directory);
  holdings.clear();
}

function install(): void {
  if (installed) return;
  installed = true;
  // Also emitted after an uncaught exception; a listener for that itself would hide Node's own report of it.
  process.on("exit", releaseAll);
  for (const name of SIGNALS) {
    process.on(name, (_signal: string, code: number) => {
      // Somebody else listens as well (vitest, a CLI): ending the process is theirs, and "exit" follows.
      if (process.listenerCount(name) === 1) process.exit(128 + code);
    });
  }
}

/** From here on the directory, and the process once there is one, end with this Node process at the latest. */
export function hold(directory: string): { running(pid: number): void; ended(): void; release(): void } {
  install();
  const holding: Holding = { pid: undefined, directory };
  holdings.add(holding);
  const tell = (pid: number): void => {
    watchdog ??= startWatchdog();
    watchdog.write(`${pid} ${directory}\n`);
  };
  tell(0);
  return {
    running(pid) {
      holding.pid = pid;
      tell(pid);
    },
    ended() {
      holding.pid = undefined;
    },
    release() {
      removeDirectory(directory);
      holdings.delete(holding);
    },
  };
}
