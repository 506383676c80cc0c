import pc from "picocolors";
import type { Io } from "../../src/cli/io.js";

/** Surroundings without a terminal or colours, that keep what is printed. */
export function plainIo(env: Io["env"] = {}): Io & { readonly printed: () => string } {
  let text = "";
  const stream = {
    style: pc.createColors(false),
    write: (more: string) => {
      text += more;
    },
  };
  return { cwd: process.cwd(), env, interactive: false, out: stream, err: stream, printed: () => text };
}
