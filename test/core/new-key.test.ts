import { expect, it, vi } from "vitest";
import { identify, newKey } from "../../src/core/operation.js";

/** RFC 9562, section 5.7: 48 bits of time, version 7, 12 random bits, variant 10, 62 random bits. */
const LAYOUT = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

it("is a UUIDv7 with the current time", () => {
  const before = Date.now();
  const key = newKey();
  const after = Date.now();
  expect(key).toMatch(LAYOUT);
  const time = Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16);
  expect(time).toBeGreaterThanOrEqual(before);
  expect(time).toBeLessThanOrEqual(after);
});

it("is unique", () => {
  const keys = Array.from({ length: 100_000 }, newKey);
  expect(new Set(keys).size).toBe(keys.length);
});

it("uses every value of its random bits, so version and variant take none away", () => {
  const keys = Array.from({ length: 5_000 }, newKey);
  expect(new Set(keys.map((key) => key[19]))).toEqual(new Set(["8", "9", "a", "b"]));
  for (const place of [15, 16, 17, 20, 35]) expect(new Set(keys.map((key) => key[place])).size).toBe(16);
});

it("sorts by time", () => {
  vi.useFakeTimers();
  try {
    const keys = [0, 1, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 47].map((time) => {
      vi.setSystemTime(time);
      return newKey();
    });
    expect([...keys].sort()).toEqual(keys);
  } finally {
    vi.useRealTimers();
  }
});

it("gives its time to the operation's id", () => {
  const key = newKey();
  const { id } = identify({ operation: "o", key }, 1);
  expect(id.slice(0, 13)).toBe(key.slice(0, 13));
});
