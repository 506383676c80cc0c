import type { CliCommand } from "../command.js";
import { lint } from "./lint.js";
import { show } from "./show.js";
import { sweep } from "./sweep.js";

/** Every command, in the order of the help. A new one is a file beside this one and a line here. */
export const COMMANDS: readonly CliCommand[] = [sweep, show, lint];
