import { afterEach, expect, it, vi } from "vitest";
import { DelayLine } from "./delay.js";

afterEach(() => {
  vi.restoreAllMocks();
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The test's own clock, and a line that reads it. */
function clocked(delayMs: number): { line: DelayLine; at(nowMs: number): Promise<void> } {
  let nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const line = new DelayLine(delayMs);
  return {
    line,
    at: async (next) => {
      nowMs = next;
      await turn();
      await turn();
    },
  };
}

it("waits half a millisecond without a timer, which could not, and acts in the first turn after it", async () => {
  const timers = vi.spyOn(globalThis, "setTimeout");
  const { line, at } = clocked(0.5);
  const seen: string[] = [];
  line.push(() => seen.push("first"));
  await at(0.2);
  line.push(() => seen.push("second"));
  await at(0.49);
  expect(seen).toEqual([]);
  await at(0.5);
  expect(seen).toEqual(["first"]);
  await at(0.7);
  expect(seen).toEqual(["first", "second"]);
  expect(timers).not.toHaveBeenCalled();
});

it("leaves the first part of a long wait to a timer, and only that", async () => {
  const timers = vi.spyOn(globalThis, "setTimeout");
  const { line, at } = clocked(20);
  let done = false;
  line.push(() => {
    done = true;
  });
  await at(0);
  expect(timers.mock.calls.map(([, delayMs]) => delayMs)).toEqual([17]);
  await at(19.9);
  expect(done).toBe(false);
  await at(20);
  await vi.waitFor(() => expect(done).toBe(true));
});

it("forgets what waits when it is closed", async () => {
  const { line, at } = clocked(0.5);
  let done = false;
  line.push(() => {
    done = true;
  });
  line.close();
  await at(1);
  expect(done).toBe(false);
});
