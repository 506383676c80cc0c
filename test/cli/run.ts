import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The built command line. */
export const BINARY: string = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface Ran {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The program; the built command line unless given. */
  readonly program?: string;
}

/** Runs the built command line as a user does, in a process of its own, without a terminal. */
export function opledger(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { cwd, env = {}, program = BINARY } = options;
  const { DATABASE_URL: _, ...inherited } = process.env;
  return run(process.execPath, [program, ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...inherited, ...env },
  });
}

export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: options.cwd, env: options.env ?? process.env });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
    child.stdin.end(options.input ?? "");
  });
}

/** What a command printed with `--json`; fails where it did not end well. */
export async function answer(args: readonly string[], options: RunOptions = {}): Promise<unknown> {
  const ran = await opledger([...args, "--json"], options);
  if (ran.exitCode !== 0)
    throw new Error(`opledger ${args.join(" ")} ended with ${ran.exitCode}: ${ran.stdout}${ran.stderr}`);
  return JSON.parse(ran.stdout);
}
