import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

function lookUp(name: string): User | undefined {
  const id = (flag: string): number => {
    const result = spawnSync("id", [flag, name], { encoding: "utf8" });
    return result.status === 0 ? Number.parseInt(result.stdout, 10) : Number.NaN;
  };
  const uid = id("-u");
  const gid = id("-g");
  return Number.isNaN(uid) || Number.isNaN(gid) ? undefined : { name, uid, gid };
}

/** Servers refuse to run as root: the first of these users that exists, or undefined where we are not root. */
export function unprivilegedUser(preferred: string): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const user = lookUp(preferred) ?? lookUp("nobody");
  if (user === undefined) throw new Error(`running as root, and neither ${preferred} nor nobody exists`);
  return user;
}

/** The part of spawn's options that changes the user. */
export function asUser(user: User | undefined): { uid: number; gid: number } | Record<string, never> {
  return user === undefined ? {} : { uid: user.uid, gid: user.gid };
}

function canRead(path: string, user: User | undefined): boolean {
  // Asking as that user sees every parent directory, ACL and mount option; reading mode bits here would not.
  return spawnSync("test", ["-r", path], { cwd: "/", ...asUser(user) }).status === 0;
}

function temporaryRoot(user: User | undefined): string {
  // Root's TMPDIR is often a private one, where a server that gave up root could not reach its own data.
  const candidates = user === undefined ? [tmpdir()] : [tmpdir(), "/tmp", "/var/tmp"];
  const found = candidates.find((path) => canRead(path, user));
  if (found === undefined) throw new Error(`no temporary directory that ${user?.name} can read`);
  return found;
}

/** A fresh directory for one server, owned by its user. Kept short: a Unix socket's path has about 100 bytes. */
export function serverDirectory(label: string, user: User | undefined): string {
  const directory = mkdtempSync(join(temporaryRoot(user), `opledger-${label}-`));
  if (user !== undefined) chownSync(directory, user.uid, user.gid);
  chmodSync(directory, 0o700);
  return directory;
}

/**
 * A folder that `user` can run programs from: `folder` itself, or a copy of it where a parent directory is closed
 * to that user, as in a checkout below /root. The copy is kept for the next run.
 */
export function reachableFolder(folder: string, probe: string, user: User | undefined): string {
  if (user === undefined || canRead(join(folder, probe), user)) return folder;
  const owner = process.getuid?.() ?? 0;
  const { ctimeMs, size } = statSync(join(folder, probe));
  const key = createHash("sha256").update(`${folder}\0${ctimeMs}\0${size}`).digest("hex").slice(0, 16);
  const root = join(temporaryRoot(user), `opledger-binaries-${owner}`);
  mkdirSync(root, { recursive: true, mode: 0o755 });
  // The name is guessable and the place is open to all: never run programs that somebody else put there.
  const stat = lstatSync(root);
  if (!stat.isDirectory() || stat.uid !== owner || (stat.mode & 0o022) !== 0) {
    throw new Error(`${root} is not a directory that only uid ${owner} can write to: remove it`);
  }
  const copy = join(root, `${basename(folder)}-${key}`);
  if (canRead(join(copy, probe), user)) return copy;
  const partial = mkdtempSync(`${copy}.partial-`);
  cpSync(folder, partial, { recursive: true, verbatimSymlinks: true });
  chmodSync(partial, 0o755);
  try {
    renameSync(partial, copy);
  } catch (error) {
    // Another run finished the same copy first; anything else is a real failure.
    rmSync(partial, { recursive: true, force: true });
    if (!canRead(join(copy, probe), user)) throw error;
  }
  return copy;
}

const PORT_FIRST = 20_000;
const PORT_COUNT = 12_000;
const PORT_ATTEMPTS_MAX = 50;

/**
 * A port nobody listens on. Below the range that operating systems give to outgoing connections (from 32768 on
 * Linux): out of that range, a client's socket could take the port while the server is down for a restart.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < PORT_ATTEMPTS_MAX; attempt++) {
    const port = PORT_FIRST + Math.floor(Math.random() * PORT_COUNT);
    if (await canListen(port)) return port;
  }
  throw new Error(`no free port found in ${PORT_ATTEMPTS_MAX} attempts`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
