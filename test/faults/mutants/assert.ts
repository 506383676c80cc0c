import { isDeepStrictEqual } from "node:util";

export function check(what: string, holds: boolean): void {
  if (!holds) throw new Error(what);
}

export function same(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  const show = (value: unknown): string => {
    if (value instanceof Error) return `${value.name}: ${value.message.slice(0, 80)}`;
    return (
      JSON.stringify(value, (_, entry: unknown) => (typeof entry === "bigint" ? `${entry}n` : entry)) ??
      "undefined"
    );
  };
  throw new Error(`${what}: ${show(actual)}, not ${show(expected)}`);
}

/** The code of the error that a call ends in; `ok` where it ends well. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    const { code } = error as { code?: unknown };
    return typeof code === "string" ? code : String(error);
  }
}
