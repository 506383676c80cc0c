import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { sleep } from "./system.js";

const hasProc = existsSync("/proc/self/stat");

/** State and parent out of /proc/<pid>/stat, or undefined when there is no such process. */
function readStat(pid: number): { state: string; parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name in parentheses, and may hold blanks and parentheses itself.
    const [state = "", parent = "0"] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** False for a zombie too: an orphan's corpse may wait seconds for init, and holds nothing any more. */
export function isAlive(pid: number): boolean {
  if (hasProc) {
    const stat = readStat(pid);
    return stat !== undefined && stat.state !== "Z" && stat.state !== "X";
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function parents(): [pid: number, parent: number][] {
  if (hasProc) {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name): [number, number][] => {
        const stat = readStat(Number(name));
        return stat === undefined ? [] : [[Number(name), stat.parent]];
      });
  }
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  return stdout.split("\n").flatMap((line): [number, number][] => {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    return pid === undefined || parent === undefined ? [] : [[pid, parent]];
  });
}

/** `root` and everything below it. PostgreSQL's children lead sessions of their own: no process group has them all. */
export function processTree(root: number): number[] {
  const all = parents();
  const tree = [root];
  for (const member of tree) {
    for (const [pid, parent] of all) if (parent === member) tree.push(pid);
  }
  return tree;
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already, which is what every caller wants or can see for itself.
  }
}

/** Stops `root` first, so that it cannot fork between the listing and the signal. Returns whom it signalled. */
export function signalTree(root: number, name: NodeJS.Signals): number[] {
  signal(root, "SIGSTOP");
  const tree = processTree(root);
  for (const pid of tree) signal(pid, name);
  return tree;
}

const GONE_TIMEOUT_MS = 15_000;
const GONE_POLL_MS = 5;

export async function untilGone(pids: readonly number[]): Promise<void> {
  const deadline = Date.now() + GONE_TIMEOUT_MS;
  while (pids.some(isAlive)) {
    if (Date.now() > deadline) throw new Error(`still alive: ${pids.filter(isAlive).join(", ")}`);
    await sleep(GONE_POLL_MS);
  }
}
