/** What became of an operation: its effect ran now, or an earlier run's stored result answers. */
export interface Outcome<T> {
  readonly status: "executed" | "replayed";
  readonly value: T;
}

/** What the first run of a single write did to its row. A replay says the same. */
export type Effect = "inserted" | "updated" | "deleted" | "unchanged";

export interface WriteOutcome<T> extends Outcome<T> {
  readonly effect: Effect;
}

/** One operation of a batch that was refused; the others of the batch stand. */
export interface Refused<E extends Error = Error> {
  readonly status: "refused";
  readonly error: E;
}
