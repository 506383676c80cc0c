import type { Engine } from "../../servers/types.js";

/** A deliberate fault: texts of the source and what they become. Each text must occur exactly once. */
export interface Mutant {
  /** Where it is looked for. */
  readonly engine: Engine;
  /** The client that the checks use; the engine's driver unless given. */
  readonly client?: "prisma" | "typeorm";
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Why it is no failure if no check notices. */
  readonly maySurvive?: string;
}

interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export function mutant(engine: Engine, name: string, file: string, from: string, to: string): Mutant {
  return { engine, name, edits: [{ file, from, to }] };
}
