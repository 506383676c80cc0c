import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { DEFAULT_BACKOFF, fullJitterMs } from "../../src/core/retry.js";

describe("full jitter", () => {
  it("stays between nothing and the cap, however many attempts there were", () => {
    const backoff = fc.record({
      attemptsMax: fc.constant(1),
      baseMs: fc.integer({ min: 0, max: 10_000 }),
      capMs: fc.integer({ min: 0, max: 100_000 }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), backoff, (attempt, options) => {
        const delayMs = fullJitterMs(attempt, options);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(
          Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt - 1, 1_000)),
        );
      }),
    );
  });

  it("is spread over the whole span, which doubles until the cap", () => {
    const spans = [1, 2, 3, 8, 9, 12, 1_000].map((attempt) => {
      const random = vi.spyOn(Math, "random");
      try {
        const at = (share: number): number => {
          random.mockReturnValueOnce(share);
          return fullJitterMs(attempt, DEFAULT_BACKOFF);
        };
        return [at(0), at(0.5), at(1)];
      } finally {
        random.mockRestore();
      }
    });
    const expected = [5, 10, 20, 640, 1_000, 1_000, 1_000];
    expect(spans).toEqual(expected.map((cap) => [0, cap / 2, cap]));
  });

  it("differs from call to call, so that losers of one race part", () => {
    const delays = Array.from({ length: 50 }, () => fullJitterMs(10, DEFAULT_BACKOFF));
    expect(new Set(delays).size).toBeGreaterThan(40);
  });
});
