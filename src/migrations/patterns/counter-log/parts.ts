export interface CounterLogOptions {
  /** The counter. */
  readonly column: string;
  /** The table's primary key. */
  readonly key: string;
  /** The key's type, as SQL. */
  readonly keyType: string;
}

/** What an engine makes a counter log of. */
export interface CounterLogParts {
  readonly up: readonly string[];
  readonly down: readonly string[];
  /** The fields of the tables that it makes, as Prisma has them. */
  readonly models: Readonly<Record<string, readonly string[]>>;
}
