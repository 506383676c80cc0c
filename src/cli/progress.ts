import { Presets, SingleBar } from "cli-progress";
import type { Io } from "./io.js";

export interface Progress {
  update(done: number): void;
  stop(): void;
}

const SILENT: Progress = { update: () => undefined, stop: () => undefined };

/** A bar on the terminal, where there is one. Without a total it counts. */
export function progress(io: Io, what: string, total: number | undefined): Progress {
  if (!io.interactive) return SILENT;
  const format =
    total === undefined
      ? `{value} ${what}`
      : `{bar} {percentage}% {value}/{total} ${what}, {eta_formatted} left`;
  const bar = new SingleBar({ format, hideCursor: true, stream: process.stderr }, Presets.shades_classic);
  bar.start(total ?? Number.MAX_SAFE_INTEGER, 0);
  return { update: (done) => bar.update(done), stop: () => bar.stop() };
}
