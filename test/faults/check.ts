import { DEFAULT_CODEC, decodeResult, FORMAT } from "../../src/core/codec.js";
import { OpledgerError } from "../../src/core/errors.js";
import type { LedgerEvent } from "../../src/core/events.js";
import type { Tally } from "./figures.js";
import type { Answer, Scenario } from "./scenarios.js";
import type { Opened, Witness } from "./target.js";

export type Settled<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

/** How a promise ended, with a limit: nothing that the ledger promises may hang. */
export async function settle<T>(promise: Promise<T>, limitMs = 20_000): Promise<Settled<T>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`hangs: no end after ${limitMs} ms`)), limitMs);
  });
  try {
    return { ok: true, value: await Promise.race([promise, late]) };
  } catch (error) {
    return { ok: false, error };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * How `hasty` ended, and whether that was before `patient`, which had begun to wait earlier for the same and with a longer
 * limit. Then it was a limit of its own that ran out, and no clock need be read: the machine may be busy.
 */
export async function outrun<T>(
  patient: Promise<unknown>,
  hasty: () => Promise<T>,
): Promise<{ readonly ended: Settled<T>; readonly first: boolean }> {
  let waiting = true;
  const over = (): void => {
    waiting = false;
  };
  patient.then(over, over);
  const ended = await settle(hasty());
  return { ended, first: waiting };
}

/** Whether an error is one of opledger's own that says that the same key may be tried again. */
export function isRetryable(error: unknown, ...codes: readonly string[]): boolean {
  return (
    error instanceof OpledgerError && error.retryable && (codes.length === 0 || codes.includes(error.code))
  );
}

export function show(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const cause = error.cause === undefined ? "" : ` <- ${show(error.cause)}`;
  return `${error.name} ${code === undefined ? "" : `${String(code)} `}${error.message.slice(0, 120)}${cause}`;
}

/** Drivers give some columns as text that JSON has as numbers; what they say is the same. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) => {
    if (typeof entry === "number" || typeof entry === "bigint") return String(entry);
    if (entry === null || typeof entry !== "object" || Array.isArray(entry)) return entry;
    return Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

const EFFECTS: Readonly<Record<string, string>> = {
  i: "inserted",
  u: "updated",
  d: "deleted",
  n: "unchanged",
};

/** What is wrong with the stored bytes, compared to what the caller was told. */
export function storedDiffers(bytes: Buffer, { effect, value }: Answer): string | undefined {
  const told = canonical(value);
  const kept = canonical(decodeResult(bytes, DEFAULT_CODEC));
  if (told !== kept) return `told ${told}, stored ${kept}`;
  const letter = bytes.toString("latin1", 1, 2);
  if (bytes[0] === FORMAT.row && EFFECTS[letter] !== effect) return `told ${effect}, stored ${letter}`;
  return undefined;
}

/** Counts what a ledger's events and the end of a call tell. */
export function count(tally: Tally, events: readonly LedgerEvent[], ended: Settled<unknown>): void {
  const unknowns = events.filter(({ type }) => type === "unknown").length;
  const retries = events.filter(({ type }) => type === "retried").length;
  tally.operations += 1;
  tally.attempts += retries + 1;
  tally.unknowns += unknowns;
  if (unknowns === 0) return;
  if (!ended.ok) tally.resolution("thrown to the caller");
  else if (events.some(({ type }) => type === "replayed")) tally.resolution("replayed");
  else tally.resolution("executed");
}

/** The state after the same key was run again: what a cell of any matrix must have come to. */
export async function afterwards(
  witness: Witness,
  scenario: Scenario,
  n: number,
  first: Settled<Answer[]>,
  again: Settled<Answer[]>,
): Promise<string[]> {
  if (!again.ok) return [`the same key again: ${show(again.error)}`];
  const found: string[] = [];
  if (first.ok) {
    if (again.value.some(({ status }) => status !== "replayed"))
      found.push("acknowledged, then executed again");
    const told = (answers: Answer[]): string =>
      canonical(answers.map(({ effect, value }) => [effect, value]));
    if (told(first.value) !== told(again.value)) {
      found.push(`first told ${told(first.value)}, then ${told(again.value)}`);
    }
  }
  const applied = await witness.applied(n);
  if (applied !== scenario.applied) found.push(`${applied} row changes, not ${scenario.applied}`);
  const balance = (await witness.balance(n)) - 400;
  if (balance !== scenario.balance) found.push(`balance ${balance}, not ${scenario.balance}`);
  for (const [index, { operation, key }] of scenario.operations(n).entries()) {
    const [row, ...more] = await witness.stored(operation, key);
    const answer = again.value[index];
    if (row === undefined || more.length > 0) found.push(`not one ledger row for ${key}`);
    else if (row.state !== 1) found.push(`state ${row.state} for ${key}`);
    else if (answer === undefined) found.push(`no answer for ${key}`);
    else {
      const differs = storedDiffers(row.result, answer);
      if (differs !== undefined) found.push(differs);
    }
  }
  return found;
}

/** What is wrong with how a call ended under a single fault that is over. */
export function endedBadly(
  scenario: Scenario,
  { events }: Opened<unknown>,
  first: Settled<Answer[]>,
): string[] {
  const unknown = events.some(({ type }) => type === "unknown");
  const resolved = events.some(({ type }) => type === "resolved");
  if (first.ok) return unknown && !resolved ? ["unknown, but no `resolved` event"] : [];
  if (!isRetryable(first.error)) {
    const callers = scenario.joined && first.error instanceof Error && first.error.name === "Error";
    return callers ? [] : [`not typed or not retryable: ${show(first.error)}`];
  }
  return [];
}
