import pc from "picocolors";

export type Style = ReturnType<typeof pc.createColors>;

/** Everything of the surroundings that commands use. */
export interface Io {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether questions can be asked, and progress be shown. */
  readonly interactive: boolean;
  /** For what was asked for. */
  readonly out: Stream;
  /** For everything else: errors, progress, what is going on. */
  readonly err: Stream;
}

export interface Stream {
  readonly style: Style;
  write(text: string): void;
}

/** The surroundings of this process. */
export function processIo(): Io {
  const { env } = process;
  return {
    cwd: process.cwd(),
    env,
    interactive: process.stdin.isTTY === true && process.stderr.isTTY === true && env.CI === undefined,
    out: stream(process.stdout, env),
    err: stream(process.stderr, env),
  };
}

/** Colours only where a person looks: https://no-color.org, and FORCE_COLOR for logs that keep them. */
function stream(target: NodeJS.WriteStream, env: Io["env"]): Stream {
  const wanted = (env.FORCE_COLOR ?? "") !== "" && env.FORCE_COLOR !== "0";
  const colours = (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb" && (target.isTTY === true || wanted);
  return { style: pc.createColors(colours), write: (text) => void target.write(text) };
}
