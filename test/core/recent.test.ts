import { describe, expect, it } from "vitest";
import { newKey } from "../../src/core/operation.js";
import { Recent } from "../../src/core/recent.js";

/** An id that ends with these digits of a hash. */
const id = (mark: number): string => `01900000-0000-7000-8000-${mark.toString(16).padStart(12, "0")}`;

describe("recent operations", () => {
  it("are those that were added, and no others", () => {
    const recent = new Recent();
    const [first, second] = [newKey(), newKey()];
    expect(recent.has(first)).toBe(false);
    recent.add(first);
    expect([recent.has(first), recent.has(second)]).toEqual([true, false]);
  });

  it("give way to a later one in the same place, and to no other", () => {
    const recent = new Recent();
    const [kept, lost, later] = [id(1), id(2), id(2 + 16_384)];
    for (const each of [kept, lost, later]) recent.add(each);
    expect([kept, lost, later].map((each) => recent.has(each))).toEqual([true, false, true]);
  });

  it("are mostly still known after some thousand others", () => {
    const recent = new Recent();
    const ids = Array.from({ length: 4_000 }, newKey);
    for (const each of ids) recent.add(each);
    expect(ids.filter((each) => recent.has(each)).length).toBeGreaterThan(3_000);
  });
});
