import { InvalidOperationError, LedgerSchemaError, type OpledgerError } from "./errors.js";
import { issuedAtMs, type Operation, summarize } from "./operation.js";

/** A key of an intent that is this far from now is no fault of the ledger's upkeep. */
const DAY_MS = 86_400_000;

/**
 * What it means to the caller that no partition of the ledger takes an operation's row: its key carries no time, its
 * time is not one that the ledger keeps, or the partition of today was never made.
 *
 * @param operations those of the one statement that was refused
 * @param now milliseconds since 1970; it decides about the message alone
 */
export function unplacedError(
  operations: readonly Operation[],
  cause: unknown,
  now: number = Date.now(),
): OpledgerError {
  const opaque = operations.find((each) => issuedAtMs(each) === undefined);
  if (opaque !== undefined) {
    return new InvalidOperationError(
      `The key of operation ${JSON.stringify(opaque.operation)} carries no time, and this ledger is partitioned by the ` +
        "key's time. Nothing was written. Make keys with newKey() (a UUIDv7 or a ULID will do), or pass `issuedAt`, the " +
        "same with every retry; or keep keys that others make in a ledger without partitions.",
      { operation: summarize(opaque), cause },
    );
  }
  const [first] = operations;
  const distance = (each: Operation): number => Math.abs((issuedAtMs(each) ?? now) - now);
  const furthest = operations.reduce((a, b) => (distance(b) > distance(a) ? b : a), first as Operation);
  const day = new Date(issuedAtMs(furthest) ?? now).toISOString().slice(0, 10);
  const lacks = `The ledger has no partition for operation ${JSON.stringify(furthest.operation)}, whose key is of ${day}.`;
  if (distance(furthest) > DAY_MS) {
    return new InvalidOperationError(
      `${lacks} Nothing was written. Keys of days that were dropped are refused, since they may have been executed before, ` +
        "and so are keys of days to come: use a new key for a new intent.",
      { operation: summarize(furthest), cause },
    );
  }
  return new LedgerSchemaError(
    `${lacks} Nothing was written. Run the ledger's …_create_partitions() function now, and daily; then try again.`,
    { operation: summarize(furthest), cause },
  );
}
