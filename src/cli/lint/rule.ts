import type { LintFile } from "./file.js";
import type { Node } from "./source.js";

/** `error`: wrong under concurrency or a crash. `warning`: wrong once it is repeated. */
export type Level = "error" | "warning";

export interface Hit {
  readonly node: Node;
  /** What stands there. */
  readonly message: string;
  /** What to write in its place, where the rule's own advice can be more exact. */
  readonly fix?: string;
}

export interface Rule {
  /** Does not change between major versions: comments and configurations name it. */
  readonly id: string;
  readonly level: Level;
  readonly title: string;
  readonly why: string;
  readonly fix: string;
  readonly check: (file: LintFile) => readonly Hit[];
}
