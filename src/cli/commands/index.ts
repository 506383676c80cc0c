import type { CliCommand } from "../command.js";
import { doctor } from "./doctor.js";
import { forget } from "./forget.js";
import { init } from "./init.js";
import { lint } from "./lint.js";
import { migrate } from "./migrate.js";
import { MIGRATION_ADD } from "./migration-add.js";
import { migrationCreate } from "./migration-create.js";
import { show } from "./show.js";
import { stats } from "./stats.js";
import { sweep } from "./sweep.js";

/** Every command, in the order of the help. A new one is a file beside this one and a line here. */
export const COMMANDS: readonly CliCommand[] = [
  init,
  migrationCreate,
  ...MIGRATION_ADD,
  migrate,
  doctor,
  lint,
  sweep,
  stats,
  show,
  forget,
];
