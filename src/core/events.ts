import type { OperationSummary } from "./errors.js";

interface OperationEvent {
  readonly operation: OperationSummary;
  /** Milliseconds since the call began. */
  readonly durationMs: number;
}

/**
 * What a ledger reports to `onEvent`. No event holds a key in clear, a payload or a result.
 * - `executed`, `replayed`: how a call ended
 * - `waited`: the call had to wait for another run of the same operation
 * - `mismatch`: another payload under a known key was refused
 * - `conflict`: a compare-and-set lost
 * - `retried`: an attempt failed and another follows after `delayMs`
 * - `unknown`: the connection broke where the server may have committed
 * - `resolved`: what had become of an `unknown` attempt was found out
 * - `fallback`: a bound write that no single statement can express ran in a transaction of several, for `reason`
 * - `swept`: a sweep removed `removed` expired rows
 * - `erased`: the results of `erased` operations of a scope were removed
 */
export type LedgerEvent =
  | (OperationEvent & { readonly type: "executed" | "replayed"; readonly attempts: number })
  | (OperationEvent & { readonly type: "waited" | "mismatch" | "conflict" | "unknown" | "resolved" })
  | (OperationEvent & {
      readonly type: "retried";
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: string;
    })
  | (OperationEvent & { readonly type: "fallback"; readonly reason: string })
  | { readonly type: "swept"; readonly removed: number; readonly durationMs: number }
  | { readonly type: "erased"; readonly scope: string; readonly erased: number; readonly durationMs: number };

/** Called synchronously; what it throws is dropped, since a metric must not fail a payment. */
export type EventListener = (event: LedgerEvent) => void;

export function emit(listener: EventListener | undefined, event: () => LedgerEvent): void {
  if (listener === undefined) return;
  try {
    const returned: unknown = listener(event());
    if (returned instanceof Promise) returned.catch(() => {});
  } catch {
    // Dropped on purpose: see EventListener.
  }
}
