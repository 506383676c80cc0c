import { spawn, spawnSync } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import { BINARY } from "./run.js";

/** Whether this machine has a `script` that gives a program a terminal; util-linux has, other systems' takes other options. */
export const hasTerminal: boolean = /util-linux/.test(String(spawnSync("script", ["--version"]).stdout));

export interface Seen {
  readonly exitCode: number | null;
  /** Everything that was shown, without colours and what moves the cursor. */
  readonly screen: string;
  /** The same as it was sent. */
  readonly raw: string;
}

/** What to type once something is shown. */
export type Typed = readonly [shown: RegExp, keys: string];

export const KEYS = { enter: "\r", controlC: "\u0003" } as const;

interface TerminalOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly typed?: readonly Typed[];
  /** A file that standard output goes to, while errors and questions stay on the terminal. */
  readonly out?: string;
}

/** Runs the built command line on a terminal of its own, where it can ask, and show progress. */
export function onTerminal(args: readonly string[], options: TerminalOptions = {}): Promise<Seen> {
  const { CI: _, NO_COLOR: __, FORCE_COLOR: ___, DATABASE_URL: ____, ...inherited } = process.env;
  const command = [process.execPath, BINARY, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const redirected = options.out === undefined ? "" : ` > '${options.out}'`;
  return new Promise((resolve, reject) => {
    const child = spawn(
      "script",
      ["-qefc", `stty rows 40 cols 100; exec ${command.join(" ")}${redirected}`, "/dev/null"],
      {
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        env: { ...inherited, TERM: "xterm-256color", ...options.env },
      },
    );
    const typed = [...(options.typed ?? [])];
    let raw = "";
    let from = 0;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      raw += text;
      const [next] = typed;
      if (next === undefined || !next[0].test(stripVTControlCharacters(raw.slice(from)))) return;
      typed.shift();
      from = raw.length;
      child.stdin.write(next[1]);
    });
    child.on("error", reject);
    child.on("close", (exitCode) => {
      resolve({ exitCode, raw, screen: stripVTControlCharacters(raw).replaceAll("\r\n", "\n") });
    });
  });
}
