import type { Traits } from "../../dialects/mysql/traits.js";

/** The server counts in whole seconds. MySQL knows no shorter wait than one, MariaDB also none at all. */
export function waitSeconds(waitMs: number, { waitSecondsMin }: Traits): number {
  return Math.max(waitSecondsMin, Math.ceil(waitMs / 1_000));
}
